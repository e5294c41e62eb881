import { createWriteStream } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { finished } from 'node:stream/promises';
import { describeChain, usageError } from '#cli/exit.ts';
import type { Row } from './rows.ts';
import type { Rejection } from './tally.ts';

/** Writes all rejected rows as CSV: line, row, code, reason and the text of the row. */
export interface RejectsFile {
  add(rejection: Rejection, row: Row): void;
  close(): Promise<void>;
}

/** Maximum number of characters of a row in this file: enough to find the row in the input. */
const textMax = 1000;

export async function openRejectsFile(path: string, input: string): Promise<RejectsFile> {
  if (await isSameFile(path, input)) throw usageError(`--rejects names the input itself: ${path}`);
  const stream = createWriteStream(path);
  const failure = new Promise<never>((_resolve, reject) => {
    stream.on('error', (error) => reject(usageError(`cannot write ${path}: ${describeChain(error)}`)));
  });
  failure.catch(() => {}); // It is awaited below. Until then Node must not report it as unhandled.
  await Promise.race([new Promise((resolve) => stream.on('open', resolve)), failure]);
  stream.write('line,row,code,reason,text\n');
  return {
    add({ line, row, code, reason }, { text }) {
      stream.write(`${[line, row, code, reason, text.slice(0, textMax)].map(quote).join(',')}\n`);
    },
    async close() {
      stream.end();
      await Promise.race([finished(stream), failure]);
    },
  };
}

async function isSameFile(one: string, other: string): Promise<boolean> {
  if (one === other) return true;
  const [first, second] = await Promise.all([one, other].map((path) => realpath(path).catch(() => undefined)));
  return first !== undefined && first === second;
}

function quote(value: string | number): string {
  const text = String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
