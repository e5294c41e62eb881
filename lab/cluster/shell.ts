import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';

export interface RunOptions {
  /** A file to use as standard input. Default: empty. */
  readonly stdinPath?: string;
}

/**
 * Runs a program until it ends. Returns its standard output. Throws an error with the command and its standard error.
 */
export async function runProgram(
  command: readonly string[],
  { stdinPath = '/dev/null' }: RunOptions = {},
): Promise<string> {
  const [program = '', ...args] = command;
  const stdin = openSync(stdinPath, 'r');
  try {
    // After `su` without a dash root's PATH lacks the folders where ip and nft are.
    const env = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` };
    const child = spawn(program, args, { env, stdio: [stdin, 'pipe', 'pipe'] });
    const output: Buffer[] = [];
    const errors: Buffer[] = [];
    child.stdout?.on('data', (chunk: Buffer) => output.push(chunk));
    child.stderr?.on('data', (chunk: Buffer) => errors.push(chunk));
    const [code, signal] = await once(child, 'close');
    if (code !== 0) {
      const said = Buffer.concat(errors).toString().trim();
      throw new Error(`${command.join(' ')} ended with ${signal ?? `exit code ${code}`}: ${said}`);
    }
    return Buffer.concat(output).toString();
  } finally {
    closeSync(stdin);
  }
}
