import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { runAsProcess } from './process.ts';
import { buildProgram } from './program.ts';
import { runCommandLine } from './run.ts';

/** Runs sumctl with the arguments of this process, and ends the process. */
export async function main(): Promise<void> {
  const version = readVersion();
  await runAsProcess((args, context) =>
    runCommandLine({ build: (built) => buildProgram(built, { version, args }), args, context }),
  );
}

function readVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return z.object({ version: z.string() }).parse(JSON.parse(text)).version;
}
