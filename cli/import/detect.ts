import { CliError, exitCodes } from '#cli/exit.ts';
import type { RowFormat } from './rows.ts';

/**
 * Number of bytes from which the format is detected: enough for a byte order mark, blank lines and the first
 * character.
 */
export const detectBytes = 4096;

/** Finds a file's format by its name, otherwise by its first bytes. Throws a CliError for a ZIP archive or UTF-16. */
export function detectFormat(name: string, head: Uint8Array): RowFormat {
  const bytes = Buffer.from(head.buffer, head.byteOffset, head.byteLength);
  refuseForeign(name, bytes);
  const extension = /\.([A-Za-z0-9]+)$/.exec(name)?.[1]?.toLowerCase();
  if (extension === 'csv') return 'csv';
  if (extension === 'ndjson' || extension === 'jsonl') return 'ndjson';
  return textOf(bytes).startsWith('{') ? 'ndjson' : 'csv';
}

function refuseForeign(name: string, bytes: Buffer): void {
  const refuse = (what: string, cure: string): never => {
    throw new CliError(exitCodes.failed, `${name} ${what}`, { hint: `Nothing was sent. ${cure}` });
  };
  const piped = (command: string) => `Convert it on the way: ${command} | sumctl add --file - --import-id NAME`;
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) refuse('is compressed with gzip', piped('gunzip -c FILE'));
  if ((bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff)) {
    refuse('is UTF-16, not UTF-8', piped('iconv -f utf-16 -t utf-8 FILE'));
  }
  if (bytes.subarray(0, 4).equals(zipMagic)) {
    refuse('is a ZIP archive, such as a spreadsheet', 'Export it as CSV or unpack it.');
  }
  if (/^\[\s*[{[\]]/.test(textOf(bytes))) {
    refuse('holds a JSON array, not one object per line', piped("jq -c '.[]' FILE"));
  }
}

const zipMagic = Buffer.from([0x50, 0x4b, 0x03, 0x04]);

function textOf(bytes: Buffer): string {
  return bytes
    .toString('utf8')
    .replace(/^\uFEFF/, '')
    .trimStart();
}
