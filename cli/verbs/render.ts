import { Command, Option } from 'commander';
import { stringify } from 'yaml';
import { z } from 'zod';
import type { Context } from '#cli/context.ts';
import { CliError, exitCodes, exitCodesHelp } from '#cli/exit.ts';
import { named, namespaceName, parseOptions } from '#cli/options.ts';
import type { SumPipeline } from '#operator/api/types.ts';
import { checkDocument, readPipelineDocuments } from './documents.ts';

export function renderCommand(context: Context, version: string): Command {
  const command = new Command('render')
    .summary('show the objects that the operator makes of a pipeline, without a cluster')
    .description(
      `Show every object that the operator makes for a pipeline file, in the order in which they are applied. No cluster is contacted. Values that only a cluster knows are left out or assumed: the owner's uid, and the address and CA of a Strimzi Kafka.`,
    )
    .addOption(new Option('-f, --file <path>', 'the pipeline file, - for standard input').makeOptionMandatory())
    .addOption(new Option('-n, --namespace <name>', 'namespace for a file that names none (default: "default")'))
    .addOption(
      new Option('--image <name>', 'image of the pods when spec.image is unset').default(`sumpipeline:${version}`),
    )
    .addOption(new Option('-o, --output <format>', 'how to print').choices(['yaml', 'json']).default('yaml'));
  return command.addHelpText('after', help).action(async () => {
    const { file, namespace, image, output } = parseOptions(optionsSchema, command);
    const { renderPipeline } = await import('#operator/desired/render.ts');
    const objects = (await readPipelines(file, namespace, context)).flatMap((pipeline) =>
      renderPipeline(pipeline, { image }),
    );
    context.stdout.write(
      output === 'yaml'
        ? objects.map((object) => `---\n${stringify(object, { lineWidth: 0, aliasDuplicateObjects: false })}`).join('')
        : `${JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }, null, 2)}\n`,
    );
  });
}

const optionsSchema = z.object({
  file: named,
  namespace: namespaceName.optional(),
  image: named,
  output: z.enum(['yaml', 'json']),
});

const help = `
Examples:
  sumctl render -f pipeline.yaml
  sumctl render -f pipeline.yaml | kubectl diff -f -
  sumctl render -f pipeline.yaml -o json | jq '.items[].kind'
${exitCodesHelp}`;

async function readPipelines(file: string, given: string | undefined, context: Context): Promise<SumPipeline[]> {
  const { pipelines, others } = await readPipelineDocuments(file, context.stdin);
  if (others !== undefined) context.stderr.write(`skipped: ${others}\n`);
  const { formatProblems } = await import('#operator/api/problem.ts');
  const parsed: SumPipeline[] = [];
  for (const document of pipelines) {
    const checked = await checkDocument(document, { given, fallback: 'default' });
    if (!checked.ok) {
      throw new CliError(exitCodes.failed, `${document.name} is not valid:\n${formatProblems(checked.problems)}`);
    }
    parsed.push(checked.value);
  }
  return parsed;
}
