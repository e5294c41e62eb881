import { createLoadTest } from './loadTest.ts';

const test = createLoadTest('load');

export const { options, verify, teardown, handleSummary } = test;
export default test.visit;
