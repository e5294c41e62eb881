import type { Command } from 'commander';
import { z } from 'zod';
import { parseDuration } from '#cli/duration.ts';
import { usageError } from '#cli/exit.ts';
import { rowFormats } from '#cli/import/rows.ts';
import { named, parseOptions } from '#cli/options.ts';
import { type OutputFormat, outputFormatSchema } from '#cli/output/structured.ts';

export const retryForDefault = { one: '30s', file: '2m' } as const;

const optionsSchema = z.object({
  series: named.optional(),
  id: named.optional(),
  file: named.optional(),
  importId: z.string().optional(),
  format: z.enum(rowFormats).optional(),
  rejects: named.optional(),
  concurrency: z.string(),
  retryFor: z.string().optional(),
  output: outputFormatSchema,
});

/** The options, checked. */
export interface AddOptions {
  readonly series: string;
  readonly id: string | undefined;
  readonly file: string | undefined;
  readonly importId: string | undefined;
  readonly format: (typeof rowFormats)[number] | undefined;
  readonly rejects: string | undefined;
  readonly concurrency: number;
  readonly retryForMs: number;
  readonly output: OutputFormat;
}

/**
 * Maximum of --concurrency: half of the calculator's queue. With a higher number the calculator would often return
 * 429 (queue full).
 */
const concurrencyMax = 5000;
const importIdLengthMax = 200;

/** Reads and checks the options of `sumctl add`. Throws a usage error that names the option. */
export function readAddOptions(command: Command): AddOptions {
  const options = parseOptions(optionsSchema, command);
  const { series = '', id, file, importId, format, rejects, output } = options;
  if (
    !/^\d{1,4}$/.test(options.concurrency) ||
    Number(options.concurrency) < 1 ||
    Number(options.concurrency) > concurrencyMax
  ) {
    throw usageError(`--concurrency must be a whole number from 1 to ${concurrencyMax}, not "${options.concurrency}"`);
  }
  if (importId !== undefined && (importId === '' || importId.length > importIdLengthMax)) {
    throw usageError(`--import-id must have 1 to ${importIdLengthMax} characters`);
  }
  if (file === undefined) {
    for (const [name, value] of Object.entries({ '--import-id': importId, '--format': format, '--rejects': rejects })) {
      if (value !== undefined) throw usageError(`${name} needs --file`);
    }
  }
  const retryFor = options.retryFor ?? (file === undefined ? retryForDefault.one : retryForDefault.file);
  return {
    series,
    id,
    file,
    importId,
    format,
    rejects,
    concurrency: Number(options.concurrency),
    retryForMs: parseDuration('--retry-for', retryFor),
    output,
  };
}
