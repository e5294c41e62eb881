import { Command, Option } from 'commander';
import { concurrencyDefault } from '#cli/connection/connection.ts';
import { addConnectionOptions, readConnectionOptions } from '#cli/connection/options.ts';
import type { Context } from '#cli/context.ts';
import { exitCodesHelp, usageError } from '#cli/exit.ts';
import { rowFormats } from '#cli/import/rows.ts';
import { addOutputOption } from '#cli/output/structured.ts';
import { addFile } from './addFile.ts';
import { addOne } from './addOne.ts';
import { readAddOptions, retryForDefault } from './addOptions.ts';

export function addCommand(context: Context): Command {
  const command = new Command('add')
    .summary('add two numbers, or every row of a file')
    .description(
      `Add two numbers to a series, or every row of a file, and print the receipt.

An acknowledged addition is durable in the log; the totals include it soon after. Every addition has a request id. An id is counted once, however often it is sent, so a retry is safe.`,
    )
    .argument('[a]', 'decimal, such as 12 or -0.5: at most 38 digits, 18 of them after the point')
    .argument('[b]', 'decimal')
    .addOption(new Option('-s, --series <name>', 'the total to add to (default: "default")'))
    .addOption(new Option('--id <uuid>', 'request id; a retry must use the same id (default: a new UUIDv7)'))
    .addOption(
      new Option('-f, --file <path>', 'add every row of this file, - for standard input').conflicts(['series', 'id']),
    )
    .addOption(
      new Option('--import-id <text>', 'name of the import; a request id is made from this name and the row number'),
    )
    .addOption(
      new Option('--format <format>', 'format of the file (default: by its name or first bytes)').choices(rowFormats),
    )
    .addOption(new Option('--rejects <path>', 'write every rejected row to this CSV file'))
    .addOption(
      new Option('--concurrency <n>', 'maximum number of rows that are sent at the same time').default(
        String(concurrencyDefault),
        `${concurrencyDefault}`,
      ),
    )
    .addOption(
      new Option(
        '--retry-for <duration>',
        `how long to retry while no response comes (default: ${retryForDefault.one}, with --file ${retryForDefault.file} per row)`,
      ),
    );
  addOutputOption(command);
  addConnectionOptions(command, 'calculator');
  return command.addHelpText('after', help).action(async (a: string | undefined, b: string | undefined) => {
    const options = readAddOptions(command);
    const connectionOptions = readConnectionOptions(command, 'calculator');
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
  An empty or absent series means "default". A bad row is counted, listed with its line, and skipped.

Import ids:
  Each row's request id is made from the import id and the number of the row. Sending the same import again adds
  nothing twice. Without --import-id the id is the SHA-256 of the content. Warning: a file with one more row appended
  has other content, so it is another import, and all its rows are added again. For files that grow, give a name with
  --import-id and only append: rows that were sent before count once, and a row whose numbers were changed is rejected
  or kept aside as a conflict. Never insert, remove or reorder rows under the same --import-id: every later row then
  has the request id of another row and conflicts with it, and the last rows are counted again.
  Put corrected rows into a separate file with another --import-id: under the same id, row 1 of that file would have
  the request id of row 1 of the first file.
${exitCodesHelp}`;
