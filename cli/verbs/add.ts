import { Command, Option } from 'commander';
import { z } from 'zod';
import { GaveUp, Refused } from '#cli/api/failure.ts';
import { withRetries } from '#cli/api/retry.ts';
import { concurrencyDefault, openConnection } from '#cli/connection/connection.ts';
import { addConnectionOptions, type ConnectionOptions, readConnectionOptions } from '#cli/connection/options.ts';
import type { Context } from '#cli/context.ts';
import { parseDuration } from '#cli/duration.ts';
import { CliError, exitCodes, exitCodesHelp, usageError } from '#cli/exit.ts';
import { rowFormats } from '#cli/import/rows.ts';
import { renderSummary } from '#cli/import/summary.ts';
import { addOutputOption, type OutputFormat, outputFormatSchema, renderStructured } from '#cli/output/structured.ts';
import { renderFields } from '#cli/output/table.ts';
import { parseAddition } from '#core/addition.ts';
import { SumError } from '#core/errors.ts';
import { formatPosition } from '#core/vector.ts';

const retryForDefault = { one: '30s', file: '2m' } as const;

export function addCommand(context: Context): Command {
  const command = new Command('add')
    .summary('add two numbers, or every row of a file')
    .description(
      `Add two numbers to a series, or every row of a file, and print the receipt.

An acknowledged addition is durable in the log; the totals follow. Every addition carries a request id, and the same id is counted once, however often it is sent: that is what makes a retry safe.`,
    )
    .argument('[a]', 'decimal, such as 12 or -0.5: at most 38 digits, 18 of them after the point')
    .argument('[b]', 'decimal')
    .addOption(new Option('-s, --series <name>', 'the total to add to (default: "default")'))
    .addOption(new Option('--id <uuid>', 'request id; use the same one to try again (default: a new UUIDv7)'))
    .addOption(
      new Option('-f, --file <path>', 'add every row of this file, - for standard input').conflicts(['series', 'id']),
    )
    .addOption(
      new Option('--import-id <text>', 'name of the import; the request ids are made from it and the row number'),
    )
    .addOption(new Option('--format <format>', 'of the file (default: by its name or first bytes)').choices(rowFormats))
    .addOption(new Option('--rejects <path>', 'write every rejected row to this CSV file'))
    .addOption(
      new Option('--concurrency <n>', 'rows in flight at once').default(
        String(concurrencyDefault),
        `${concurrencyDefault}`,
      ),
    )
    .addOption(
      new Option(
        '--retry-for <duration>',
        `how long to try again without an answer (default: ${retryForDefault.one}, with --file ${retryForDefault.file} per row)`,
      ),
    );
  addOutputOption(command);
  addConnectionOptions(command, 'calculator');
  return command.addHelpText('after', help).action(async (a: string | undefined, b: string | undefined) => {
    const options = readOptions(command);
    const connectionOptions = readConnectionOptions(command);
    if (options.file === undefined) await addOne({ a, b }, options, connectionOptions, context);
    else if (a === undefined) await addFile({ ...options, file: options.file }, connectionOptions, context);
    else throw usageError('give either two numbers or --file, not both');
  });
}

const help = `
Examples:
  sumctl add 1.10 2                        # to the series "default"
  sumctl add 3 -0.5 --series orders -o json
  sumctl add --file additions.csv          # rows series,a,b; a header is optional
  sumctl add --file rows.ndjson --rejects rejected.csv
  cat rows.csv | sumctl add --file - --import-id billing-2026-06

Files:
  CSV     series,a,b                                    quotes as in RFC 4180; a header names the columns
  NDJSON  {"series": "orders", "a": "1.10", "b": "2"}   one object per line
  An empty or absent series means "default". A bad row is counted, named with its line, and passed over.

Import ids:
  Each row's request id is made from the import id and the number of the row. The same import sent again adds
  nothing twice. Without --import-id the id is the SHA-256 of the content. Mind the trap: a file with one more row
  appended has other content, so it is another import, and all its rows are added again. For files that grow, give
  them a name with --import-id and only append: rows that were sent count once. A row that was changed in between
  is rejected or kept aside as a conflict, never counted twice.
${exitCodesHelp}`;

const optionsSchema = z.object({
  series: z.string().optional(),
  id: z.string().optional(),
  file: z.string().min(1).optional(),
  importId: z.string().optional(),
  format: z.enum(rowFormats).optional(),
  rejects: z.string().min(1).optional(),
  concurrency: z.string(),
  retryFor: z.string().optional(),
  output: outputFormatSchema,
});

interface AddOptions {
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

/** Half of the calculator's queue: more would be answered with 429. */
const concurrencyMax = 5000;
const importIdLengthMax = 200;

function readOptions(command: Command): AddOptions {
  const options = optionsSchema.parse(command.opts());
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
      if (value !== undefined) throw usageError(`${name} goes with --file`);
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

async function addOne(
  operands: { a: string | undefined; b: string | undefined },
  options: AddOptions,
  connectionOptions: ConnectionOptions,
  context: Context,
): Promise<void> {
  const { a, b } = operands;
  if (a === undefined || b === undefined) {
    throw usageError('add needs two numbers, or --file', 'For example: sumctl add 1.10 2');
  }
  const { now, random, signal, stdout, stderr } = context;
  const requestId = options.id ?? context.newRequestId();
  const addition = checkOperands({ requestId, series: options.series, a, b });
  await using connection = await openConnection(connectionOptions, signal);
  const calculator = connection.calculator();
  try {
    const answer = await withRetries(() => calculator.add(addition, signal), {
      deadlineMs: options.retryForMs,
      now,
      random,
      signal,
      onRetry: (failure, waitMs) =>
        stderr.write(`waiting: ${failure.message}; trying again in ${waitMs} ms with the same id ${requestId}\n`),
    });
    const { series, result, replayed } = answer;
    const { partition, offset, logEpoch } = answer.position;
    const position = { partition, offset: String(offset), logEpoch };
    stdout.write(
      options.output === 'table'
        ? renderFields([
            ['Series', series],
            ['Result', result],
            ['Position', formatPosition(answer.position)],
            ['Request id', requestId],
            ['Replayed', replayed ? 'yes: it was acknowledged before, nothing was written now' : 'no'],
          ])
        : renderStructured(options.output, { requestId, series, result, position, replayed }),
    );
  } catch (error) {
    const again = buildAgain(addition, connectionOptions);
    if (signal.aborted) {
      throw new CliError(exitCodes.interrupted, 'interrupted; it is not known whether the addition was written', {
        hint: `Run exactly this, it is counted once whatever happened before:\n  ${again}`,
      });
    }
    throw explain(error, { again });
  }
}

/** The calculator would say the same; this way nothing is opened for it. */
function checkOperands(input: { requestId: string; series: string; a: string; b: string }) {
  try {
    return parseAddition(input);
  } catch (error) {
    if (!(error instanceof SumError)) throw error;
    const names: Record<string, string> = { requestId: '--id', series: '--series' };
    throw usageError(error.message.replace(/^\w+/, (field) => names[field] ?? field));
  }
}

function explain(error: unknown, { again }: { again: string }): unknown {
  if (error instanceof GaveUp) {
    return error.mayBeWritten
      ? new CliError(exitCodes.unreachable, `it is not known whether the addition was written: ${error.message}`, {
          hint: `Run exactly this, it is counted once whatever happened before:\n  ${again}`,
          cause: error,
        })
      : new CliError(exitCodes.unreachable, `nothing was written: ${error.message}`, {
          hint: `Try again later with the same id:\n  ${again}`,
          cause: error,
        });
  }
  if (error instanceof Refused && error.code === 'id-conflict') {
    return new CliError(exitCodes.failed, error.message, {
      hint: 'The id belongs to another addition. For a new addition leave --id out, and a new id is made.',
      cause: error,
    });
  }
  if (error instanceof Refused) return new CliError(exitCodes.failed, error.message, { cause: error });
  return error;
}

/** The same addition as a command that can be pasted into a shell. */
function buildAgain(
  addition: { requestId: string; series: string; a: string; b: string },
  connection: ConnectionOptions,
): string {
  const words = ['sumctl', 'add', addition.a, addition.b, '--series', addition.series, '--id', addition.requestId];
  for (const [name, value] of Object.entries(connection)) {
    if (typeof value === 'string')
      words.push(`--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`, value);
  }
  return words.map((word) => (/^[-\w./:@%+=]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)).join(' ');
}

async function addFile(
  options: AddOptions & { readonly file: string },
  connectionOptions: ConnectionOptions,
  context: Context,
): Promise<void> {
  const { importFile } = await import('#cli/import/importFile.ts');
  await using connection = await openConnection(connectionOptions, context.signal);
  const { summary, failure } = await importFile(
    {
      path: options.file,
      importId: options.importId,
      format: options.format,
      rejectsPath: options.rejects,
      concurrency: options.concurrency,
      retryForMs: options.retryForMs,
      calculator: connection.calculator(),
    },
    context,
  );
  context.stdout.write(options.output === 'table' ? renderSummary(summary) : renderStructured(options.output, summary));
  if (failure !== undefined) throw failure;
  const { rows, rejected } = summary;
  if (rejected > 0) {
    const rest = rejected < rows ? 'the others are added' : 'nothing was added';
    throw new CliError(exitCodes.failed, `${rejected} of ${rows} rows were rejected; ${rest}`, {
      hint: 'Mend the rejected rows and add them as a file of their own.',
    });
  }
}
