import { runAsProcess } from '#cli/process.ts';
import { runStart } from './run.ts';

await runAsProcess(runStart);
