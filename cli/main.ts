import { randomUUIDv7 } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { exitCodes } from './exit.ts';
import { ProcessOutput } from './output/sink.ts';
import { runProgram } from './run.ts';

/** sumctl as a process. Ends it, because open connections to a cluster would keep it. */
export async function main(): Promise<void> {
  const interruption = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      // Once: end in order. Twice: somebody is in a hurry.
      if (interruption.signal.aborted) process.exit(exitCodes.interrupted);
      interruption.abort(new Error(`interrupted by ${signal}`));
    });
  }
  // Once nothing can be printed there is no point in reading on.
  const stdout = new ProcessOutput(process.stdout, (error) => interruption.abort(error));
  const stderr = new ProcessOutput(process.stderr);
  const exitCode = await runProgram(
    process.argv.slice(2),
    {
      stdout,
      stderr,
      stdin: process.stdin,
      signal: interruption.signal,
      now: () => performance.now(),
      random: Math.random,
      newRequestId: randomUUIDv7,
    },
    readVersion(),
  );
  await stderr.flush().catch(() => {
    // Standard error is where this would be told.
  });
  process.exit(exitCode);
}

function readVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return z.object({ version: z.string() }).parse(JSON.parse(text)).version;
}
