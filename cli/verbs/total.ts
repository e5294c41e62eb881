import { toJson } from '@bufbuild/protobuf';
import { timestampDate } from '@bufbuild/protobuf/wkt';
import { Command, Option } from 'commander';
import { z } from 'zod';
import { getTotal, listTotals } from '#cli/api/aggregator.ts';
import { addConnectionOptions, readConnectionOptions } from '#cli/connection/options.ts';
import type { Context } from '#cli/context.ts';
import { parseDuration } from '#cli/duration.ts';
import { CliError, exitCodes, exitCodesHelp, usageError } from '#cli/exit.ts';
import { parseOptions } from '#cli/options.ts';
import {
  addOutputOption,
  createListWriter,
  type OutputFormat,
  outputFormatSchema,
  renderStructured,
} from '#cli/output/structured.ts';
import { createTableWriter, renderFields } from '#cli/output/table.ts';
import { type Total, TotalSchema } from '#contract/gen/sumpipeline/v1/sumpipeline_pb.js';
import { seriesProblem } from '#core/series.ts';
import { formatVector, type Position, parseVector } from '#core/vector.ts';
import { type Reader, withAggregator } from './read.ts';

export function totalCommand(context: Context): Command {
  const command = new Command('total')
    .summary('read one total, or all of them')
    .description('Read the exact total of a series; without a series all totals, in byte order of their names.')
    .argument('[series]', 'name of the total')
    .addOption(
      new Option(
        '--at-least <positions>',
        'wait until these positions are applied: partition:offset,... as "sumctl add" prints them',
      ),
    )
    .addOption(new Option('--timeout <duration>', 'how long to wait for --at-least').default('30s'));
  addOutputOption(command);
  addConnectionOptions(command, 'aggregator');
  return command.addHelpText('after', help).action(async (series: string | undefined) => {
    const { atLeast, waitMs, output } = readOptions(command);
    const connectionOptions = readConnectionOptions(command, 'aggregator');
    if (series === undefined && atLeast.length > 0) throw usageError('--at-least needs one series: name it');
    const problem = series === undefined ? undefined : seriesProblem(series);
    if (problem !== undefined) throw usageError(`the series ${problem}`);
    await withAggregator(connectionOptions, context, async (reader) => {
      if (series === undefined) await printAll(reader, output, context);
      else await printOne(reader, { series, atLeast, waitMs, output }, context);
    });
  });
}

const help = `
Examples:
  sumctl total orders
  sumctl total orders --at-least 0:41,3:7        # counts what add acknowledged at these positions
  sumctl total                                   # all series
  sumctl total -o json | jq -r '.totals[] | [.series, .total] | @tsv'
${exitCodesHelp}`;

const optionsSchema = z.object({ atLeast: z.string().optional(), timeout: z.string(), output: outputFormatSchema });

function readOptions(command: Command): { atLeast: Position[]; waitMs: number; output: OutputFormat } {
  const { atLeast, timeout, output } = parseOptions(optionsSchema, command);
  const vector = parseVector(atLeast ?? '');
  if (!vector.ok) throw usageError(`--at-least ${vector.problem}`);
  return { atLeast: vector.value, waitMs: parseDuration('--timeout', timeout), output };
}

async function printOne(
  reader: Reader,
  request: { series: string; atLeast: readonly Position[]; waitMs: number; output: OutputFormat },
  { stdout, signal, now }: Context,
): Promise<void> {
  const { series, atLeast, waitMs, output } = request;
  const until = now() + waitMs;
  const ask = () =>
    reader.read((aggregator) => getTotal(aggregator, { series, atLeast, waitMs: until - now(), signal }));
  let total: Total | undefined;
  while (total === undefined) {
    total = await ask().catch((error: unknown) => {
      // Call again: our timeout may be longer than the maximum time that the aggregator waits in one call.
      if (error instanceof CliError && error.exitCode === exitCodes.notYet && now() < until) return undefined;
      throw error;
    });
  }
  stdout.write(
    output === 'table'
      ? renderFields([
          ['Series', total.series],
          ['Total', total.total],
          ['Additions', String(total.count)],
          ['Counts up to', formatVector(total.vector)],
          ['Newest', total.newestApplied === undefined ? '-' : timestampDate(total.newestApplied).toISOString()],
        ])
      : renderStructured(output, totalJson(total)),
  );
}

/** Returns the JSON mapping of `Total`, empty fields included, so that every document has the same fields. */
function totalJson(total: Total) {
  return toJson(TotalSchema, total, { alwaysEmitImplicit: true });
}

async function printAll(reader: Reader, output: OutputFormat, { stdout, signal }: Context): Promise<void> {
  const write = (text: string) => stdout.write(text);
  if (output === 'table') {
    const table = createTableWriter(columns);
    for await (const page of readPages(reader, signal)) write(table.add(page));
    return;
  }
  const list = createListWriter({ format: output, key: 'totals', write });
  for await (const page of readPages(reader, signal)) {
    for (const total of page) list.item(totalJson(total));
  }
  list.end();
}

/** Yields one page of totals at a time, so that a pipeline with many series needs little memory here. */
export async function* readPages(reader: Reader, signal: AbortSignal): AsyncGenerator<Total[]> {
  let pageToken = '';
  do {
    const token = pageToken;
    const page = await reader.read((aggregator) => listTotals(aggregator, { pageToken: token, signal }));
    yield page.totals;
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
}

const columns = [
  { heading: 'Series', value: ({ series }: Total) => series },
  { heading: 'Total', value: ({ total }: Total) => total, align: 'right' as const },
  { heading: 'Additions', value: ({ count }: Total) => count, align: 'right' as const },
];
