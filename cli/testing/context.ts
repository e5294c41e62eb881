import { Readable } from 'node:stream';
import type { Context } from '#cli/context.ts';
import { buildProgram } from '#cli/program.ts';
import { runCommandLine } from '#cli/run.ts';

export interface Ran {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export const testRequestId = '0191f3c5-8f2a-7cc1-9d1e-2f6b8a4c5d6e';

interface Outside {
  stdin?: string | Uint8Array | readonly Uint8Array[];
  signal?: AbortSignal;
  now?: () => number;
}

/** Runs one command line of sumctl as a shell would. The test controls everything outside the command. */
export async function runSumctl(args: readonly string[], outside: Outside = {}): Promise<Ran> {
  const build = (context: Context) => buildProgram(context, { version: '0.0.0-test', args });
  return await runInContext((context) => runCommandLine({ build, args, context }), outside);
}

/** Calls `run` with a context that records its output. */
export async function runInContext(
  run: (context: Omit<Context, 'setExitCode'>) => Promise<number>,
  { stdin = '', signal, now }: Outside = {},
): Promise<Ran> {
  let stdout = '';
  let stderr = '';
  const chunks = typeof stdin === 'string' || stdin instanceof Uint8Array ? [Buffer.from(stdin)] : stdin;
  const exitCode = await run({
    stdout: { write: (text) => (stdout += text) },
    stderr: { write: (text) => (stderr += text) },
    stdin: Readable.from(chunks),
    signal: signal ?? new AbortController().signal,
    now: now ?? (() => performance.now()),
    random: () => 0,
    newRequestId: () => testRequestId,
  });
  return { exitCode, stdout, stderr };
}
