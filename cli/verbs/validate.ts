import { Command, Option } from 'commander';
import { z } from 'zod';
import { addKubernetesOptions } from '#cli/connection/options.ts';
import type { Context } from '#cli/context.ts';
import { CliError, exitCodes, exitCodesHelp } from '#cli/exit.ts';
import { named, namespaceName, parseOptions } from '#cli/options.ts';
import { addOutputOption, outputFormatSchema, renderStructured } from '#cli/output/structured.ts';
import { printable } from '#cli/output/table.ts';
import { formatRef, kind, type PipelineRef } from '#contract/names.ts';
import { checkDocument, type ManifestDocument, readPipelineDocuments, wrongKind } from './documents.ts';
import type { Check, Server } from './serverCheck.ts';

export function validateCommand(context: Context): Command {
  const command = new Command('validate')
    .summary('check a pipeline file before applying it')
    .description(
      `Check a pipeline file. The schema and its rules are always checked, without a cluster. When a cluster can be reached, its API server checks the file as well (a dry run, nothing is changed). Only the API server checks the rules about changing an existing pipeline. The output says which of the two checks ran.`,
    )
    .addOption(new Option('-f, --file <path>', 'the pipeline file, - for standard input').makeOptionMandatory())
    .addOption(new Option('--offline', 'do not contact a cluster'));
  addKubernetesOptions(command);
  addOutputOption(command);
  return command.addHelpText('after', help).action(async () => {
    const options = parseOptions(optionsSchema, command);
    const { pipelines, others } = await readPipelineDocuments(options.file, context.stdin);
    if (others !== undefined) context.stderr.write(`skipped: ${others}\n`);
    const { openServer } = await import('./serverCheck.ts');
    const server = options.offline ? undefined : openServer(options, context.signal);
    const reports: Report[] = [];
    for (const document of pipelines) reports.push(await check(document, options, server));
    context.stdout.write(
      options.output === 'table'
        ? reports.map(renderReport).join('\n')
        : renderStructured(options.output, { documents: reports }),
    );
    const isBad = reports.some(({ schema, server: asked }) => schema.problems.length + asked.problems.length > 0);
    const unreachable = server?.unreachable();
    const isNamed = options.context !== undefined || options.kubeconfig !== undefined;
    const onlySchema = `only the schema was checked: ${unreachable?.message}`;
    if (unreachable !== undefined && (isBad || !isNamed)) context.stderr.write(`${onlySchema}\n`);
    if (isBad) context.setExitCode(exitCodes.failed);
    // A user who names a cluster expects its check, so a cluster that does not respond is an error.
    else if (unreachable !== undefined && isNamed) {
      const { hint, cause } = unreachable;
      throw new CliError(exitCodes.unreachable, onlySchema, { ...(hint === undefined ? {} : { hint }), cause });
    }
  });
}

const help = `
Examples:
  sumctl validate -f pipeline.yaml
  sumctl validate -f pipeline.yaml --offline      # in a build without a cluster
  sumctl validate -f pipeline.yaml --context staging -n orders
${exitCodesHelp}
  validate ends with 3 when the cluster named by --context or --kubeconfig does not respond. It ends with 0 when no
  cluster was named and none responds; the output then says that only the schema was checked`;

const optionsSchema = z.object({
  file: named,
  offline: z.boolean().default(false),
  namespace: namespaceName.optional(),
  context: named.optional(),
  kubeconfig: named.optional(),
  output: outputFormatSchema,
});
type Options = z.output<typeof optionsSchema>;

interface Report {
  readonly document: string;
  readonly pipeline: string;
  readonly schema: Check;
  readonly server: Check;
}

async function check(document: ManifestDocument, options: Options, server: Server | undefined): Promise<Report> {
  const fallback = server?.namespace ?? 'default';
  const parsed = await checkDocument(document, { given: options.namespace, fallback });
  const namespace = options.namespace ?? fallback;
  const ref = parsed.ok ? parsed.value.metadata : readRef(document.content, namespace);
  const schema = { ran: true, note: '', problems: parsed.ok ? [] : parsed.problems };
  const notAsked = (note: string): Check => ({ ran: false, note, problems: [] });
  const asked =
    server === undefined
      ? notAsked('--offline')
      : ref === undefined
        ? notAsked('the file has no metadata.name')
        : wrongKind(document.content) !== undefined
          ? notAsked(`only the kind ${kind} can be checked`)
          : await server.check({ namespace: ref.namespace, name: ref.name }, document.content);
  return {
    document: document.name,
    pipeline: ref === undefined ? '(no name)' : formatRef(ref),
    schema,
    server: asked,
  };
}

function readRef(content: unknown, namespace: string): PipelineRef | undefined {
  const metadata = z.object({ metadata: z.object({ name: z.string(), namespace: z.string().default(namespace) }) });
  return metadata.safeParse(content).data?.metadata;
}

function renderReport({ document, pipeline, schema, server }: Report): string {
  return `${printable(`${document}: ${kind} ${pipeline}`)}\n${renderCheck('schema', schema)}${renderCheck('server', server)}`;
}

function renderCheck(name: string, { ran, note, problems }: Check): string {
  const aside = note === '' ? '' : ` (${note})`;
  if (!ran) return `  ${name}  not checked${aside}\n`;
  if (problems.length === 0) return `  ${name}  ok${aside}\n`;
  const lines = problems.map(
    ({ path, message }) => `    ${printable(path === '' ? message : `${path}: ${message}`)}\n`,
  );
  return `  ${name}  not valid${aside}\n${lines.join('')}`;
}
