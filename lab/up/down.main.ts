import { runAsProcess } from '#cli/process.ts';
import { runDown } from './run.ts';

await runAsProcess(runDown);
