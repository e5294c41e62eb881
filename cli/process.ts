import { randomUUIDv7 } from 'node:crypto';
import type { Context } from './context.ts';
import { exitCodes } from './exit.ts';
import { ProcessOutput } from './output/sink.ts';

/**
 * Runs a command line as this process: uses its arguments, streams and signals, and sets its exit code. Ends the
 * process, because open connections to a cluster would keep it running.
 */
export async function runAsProcess(
  run: (args: readonly string[], context: Omit<Context, 'setExitCode'>) => Promise<number>,
): Promise<never> {
  const interruption = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      // The first signal lets the command clean up and end. The second signal ends the process immediately.
      if (interruption.signal.aborted) process.exit(exitCodes.interrupted);
      interruption.abort(new Error(`interrupted by ${signal}`));
    });
  }
  // If standard output fails, end the command: its result cannot be printed.
  const stdout = new ProcessOutput(process.stdout, (error) => interruption.abort(error));
  const stderr = new ProcessOutput(process.stderr);
  const exitCode = await run(process.argv.slice(2), {
    stdout,
    stderr,
    stdin: process.stdin,
    signal: interruption.signal,
    now: () => performance.now(),
    random: Math.random,
    newRequestId: randomUUIDv7,
  });
  await stderr.flush().catch(() => {
    // A failure of standard error cannot be reported: there is no other stream for it.
  });
  process.exit(exitCode);
}
