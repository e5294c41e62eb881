import { statSync } from 'node:fs';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { z } from 'zod';
import type { Context } from '#cli/context.ts';
import { exitCodes, exitCodesHelp, usageError } from '#cli/exit.ts';
import { named, parseOptions } from '#cli/options.ts';
import { renderProof } from '#cli/output/proof.ts';
import { addOutputOption, outputFormatSchema, renderStructured } from '#cli/output/structured.ts';
import { renderTable } from '#cli/output/table.ts';
import { buildOnceDocument, type OnceTotal } from './document.ts';
import type { OnceResult } from './once.ts';
import { up } from './up.ts';

const root = join(import.meta.dirname, '..', '..');
const defaultInput = join('manifests', 'samples', 'additions.csv');

/** Builds the command `npm start`. */
export function startCommand(context: Context): Command {
  const command = new Command('npm start --')
    .description(
      `Start everything on this machine: a one-node Kubernetes, a real Kafka and PostgreSQL beside it, the operator and the sample pipeline. Runs until Ctrl-C, which takes everything down. The data of Kafka and PostgreSQL is kept for the next start. Only one node can run on a machine: a second npm start waits.`,
    )
    .helpOption('-h, --help', 'show help')
    .addOption(new Option('--once', 'on throw-away state: add the input, print totals and proof, take everything down'))
    .addOption(
      new Option('--input <path>', `the file that --once adds, as sumctl add --file does (default: ${defaultInput})`),
    )
    .addOption(new Option('--fresh', 'discard the data of Kafka and PostgreSQL from earlier starts'))
    .addOption(
      new Option(
        '--scale',
        'raise and lower a load, and show how the number of aggregators follows it; the state is deleted at the end',
      ),
    )
    .addOption(
      new Option('--cluster <which>', 'make a local cluster, or use the cluster of --context')
        .choices(['local', 'current'])
        .default('local'),
    )
    .addOption(new Option('--context <name>', 'with --cluster current: the context to install into'))
    .addOption(new Option('--kubeconfig <file>', 'with --cluster current: kubeconfig to use'))
    .addOption(new Option('--image <name>', 'with --cluster current: an image that the nodes can run'))
    .addOption(new Option('--host <address>', 'with --cluster current: address of this machine for the pods'));
  addOutputOption(command);
  return command.addHelpText('after', help).action(async () => {
    const options = parseOptions(optionsSchema, command);
    checkUsage(options);
    const { once, input, output, cluster, context: kubeContext, kubeconfig, image, host, fresh, scale } = options;
    const onceInput = once ? (input ?? join(root, defaultInput)) : undefined;
    const target = { cluster, context: kubeContext, kubeconfig, image, host };
    const work = up({ ...target, fresh, scale, onceInput, root }, context);
    if (!once) return void (await work);
    await printOnce(work, output, context);
  });
}

const help = `
Examples:
  npm start                                    # stay until Ctrl-C
  npm start -- --fresh                         # discard earlier additions first
  npm start -- --scale                         # watch the aggregators follow the load
  npm start -- --once                          # add the sample file, print totals and proof, end
  npm start --silent -- --once --input rows.csv -o json | jq .totals
${exitCodesHelp}
  --once ends with 0 if every acknowledged addition is counted, the proof is exact and no row was rejected. Otherwise it
  ends with 1, also for a wrong command line. With -o json standard output is one JSON document in every case. Its field
  "error" holds the reason.`;

const optionsSchema = z.object({
  once: z.boolean().default(false),
  input: named.optional(),
  fresh: z.boolean().default(false),
  scale: z.boolean().default(false),
  cluster: z.enum(['local', 'current']),
  context: named.optional(),
  kubeconfig: named.optional(),
  image: named.optional(),
  host: named.optional(),
  output: outputFormatSchema,
});
type Options = z.output<typeof optionsSchema>;

function checkUsage(options: Options): void {
  const { once, input, fresh, scale, cluster, output } = options;
  if (!once && input !== undefined) throw usageError('--input needs --once');
  if (!once && output !== 'table') throw usageError('-o needs --once');
  if (once && fresh) throw usageError('--once always starts fresh: leave out --fresh');
  if (scale && once) throw usageError('--scale runs until Ctrl-C: leave out --once');
  if (scale && cluster !== 'local') throw usageError('--scale makes its own cluster: leave out --cluster');
  // Check the input before the start, because the start takes a minute.
  if (once && !statSync(input ?? join(root, defaultInput), { throwIfNoEntry: false })?.isFile()) {
    throw usageError(`--input must be a file, but ${input} is not a file`);
  }
  if (cluster === 'local') {
    for (const name of ['context', 'kubeconfig', 'image', 'host'] as const) {
      if (options[name] !== undefined) throw usageError(`--${name} needs --cluster current`);
    }
  }
}

/**
 * Returns the document of a run that ended before it had a result, or before its options were parsed. A caller that
 * requested a document always gets one. Undefined for every other command line.
 */
export function renderFailedOnce(args: readonly string[], error: string, at: Date): string | undefined {
  if (!isOnce(args)) return undefined;
  const format = args.map((arg, at) => readOutput(arg, args[at + 1])).findLast((value) => value !== undefined);
  if (format !== 'json' && format !== 'yaml') return undefined;
  return renderStructured(format, buildOnceDocument({ totals: [], proof: undefined, error, at }));
}

/** Reads the arguments directly, because commander may refuse the command line. */
export function isOnce(args: readonly string[]): boolean {
  return args.includes('--once');
}

/**
 * Reads the format from `-o json`, `-ojson`, `-o=json`, `--output json` or `--output=json`. Undefined: another
 * option.
 */
function readOutput(arg: string, next: string | undefined): string | undefined {
  if (arg === '-o' || arg === '--output') return next;
  return /^(?:-o=?|--output=)(.+)$/.exec(arg)?.[1];
}

async function printOnce(
  work: Promise<OnceResult | undefined>,
  output: Options['output'],
  context: Context,
): Promise<void> {
  const result = await work;
  if (result === undefined) return;
  const { totals, proof, error } = result;
  const document = buildOnceDocument({ totals, proof, error, at: new Date() });
  context.stdout.write(
    output === 'table'
      ? `${renderTable(columns, document.totals)}\n${renderProof(proof)}`
      : renderStructured(output, document),
  );
  if (error === undefined) return;
  context.stderr.write(`error: ${error}\n`);
  context.setExitCode(exitCodes.failed);
}

const columns = [
  { heading: 'Series', value: ({ series }: OnceTotal) => series },
  { heading: 'Total', value: ({ total }: OnceTotal) => total, align: 'right' as const },
  { heading: 'Additions', value: ({ count }: OnceTotal) => count, align: 'right' as const },
];
