import { Readable } from 'node:stream';
import { runProgram } from '#cli/run.ts';

export interface Ran {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export const testRequestId = '0191f3c5-8f2a-7cc1-9d1e-2f6b8a4c5d6e';

/** Runs one command line as a shell would, with everything outside in our hand. */
export async function runSumctl(
  args: readonly string[],
  options: { stdin?: string | Uint8Array | readonly Uint8Array[]; signal?: AbortSignal; now?: () => number } = {},
): Promise<Ran> {
  let stdout = '';
  let stderr = '';
  const { stdin = '' } = options;
  const chunks = typeof stdin === 'string' || stdin instanceof Uint8Array ? [Buffer.from(stdin)] : stdin;
  const exitCode = await runProgram(
    args,
    {
      stdout: { write: (text) => (stdout += text) },
      stderr: { write: (text) => (stderr += text) },
      stdin: Readable.from(chunks),
      signal: options.signal ?? new AbortController().signal,
      now: options.now ?? (() => performance.now()),
      random: () => 0,
      newRequestId: () => testRequestId,
    },
    '0.0.0-test',
  );
  return { exitCode, stdout, stderr };
}
