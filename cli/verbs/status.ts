import { Command } from 'commander';
import { z } from 'zod';
import { getProof } from '#cli/api/aggregator.ts';
import type { HttpService } from '#cli/api/http.ts';
import { conditionsSchema } from '#cli/conditions.ts';
import type { Connection } from '#cli/connection/connection.ts';
import { openAggregator } from '#cli/connection/open.ts';
import { addConnectionOptions, readConnectionOptions } from '#cli/connection/options.ts';
import type { Context } from '#cli/context.ts';
import { CliError, exitCodes, exitCodesHelp } from '#cli/exit.ts';
import { parseOptions } from '#cli/options.ts';
import { findDoubt, proofJson, renderPartitions } from '#cli/output/proof.ts';
import { addOutputOption, outputFormatSchema, renderStructured } from '#cli/output/structured.ts';
import { renderFields, renderTable } from '#cli/output/table.ts';
import type { GetProofResponse } from '#contract/gen/sumpipeline/v1/sumpipeline_pb.js';
import { createReader } from './read.ts';
import { explainScaling, readScaling, type ScalingNumbers } from './scaling.ts';

export function statusCommand(context: Context): Command {
  const command = new Command('status')
    .summary('show a pipeline in one view: conditions, replicas, lag, proof')
    .description(
      `Show a pipeline in one view: what its conditions say, how many pods run, how far each partition has been read, why the aggregators scale to their number, and whether the totals are exact. Nothing is recounted; to recount, use sumctl verify.`,
    );
  addOutputOption(command);
  addConnectionOptions(command, 'aggregator');
  return command.addHelpText('after', help).action(async () => {
    const { output } = parseOptions(z.object({ output: outputFormatSchema }), command);
    await using connection = await openAggregator(readConnectionOptions(command, 'aggregator'), context.signal);
    const resource = connection.kubernetes && resourceSchema.parse(connection.kubernetes.resource);
    const proof = await readProof(connection, context);
    const scaling = connection.kubernetes && (await readScaling(connection.kubernetes, context.signal));
    context.stdout.write(
      output === 'table'
        ? render(connection.name, { resource, proof, scaling })
        : renderStructured(output, document({ resource, proof, scaling })),
    );
    if (!isWell(resource, proof)) context.setExitCode(exitCodes.failed);
  });
}

const help = `
Examples:
  sumctl status -n orders -p billing
  sumctl status -o json | jq '.proof.partitions[] | {partition, logEnd, nextOffset}'
${exitCodesHelp}
  status also ends with 1 while the pipeline is not Ready`;

/**
 * The fields of the SumPipeline that this verb reads. Any of them may be missing before the operator has reconciled
 * it.
 */
const resourceSchema = z.object({
  metadata: z.object({
    name: z.string(),
    namespace: z.string(),
    generation: z.number().optional(),
    deletionTimestamp: z.string().nullish(),
  }),
  status: z
    .object({
      observedGeneration: z.number().optional(),
      conditions: conditionsSchema,
      calculator: z.object({ replicas: z.string().optional() }).optional(),
      aggregator: z.object({ replicas: z.string().optional() }).optional(),
      image: z.string().optional(),
      bootstrap: z.string().optional(),
      topic: z.string().optional(),
    })
    .default({ conditions: [] }),
});
type Resource = z.output<typeof resourceSchema>;

type Proof =
  | { readonly found: true; readonly proof: GetProofResponse }
  | { readonly found: false; readonly problem: string };

/**
 * How long reading the proof is retried, in milliseconds. It is short, because users need the status of a broken
 * pipeline quickly.
 */
const proofRetryMs = 3_000;

/**
 * Reads the proof. Does not throw if the aggregator does not respond, because all other parts of the status must still
 * be printed.
 */
async function readProof(connection: Connection<HttpService>, context: Context): Promise<Proof> {
  try {
    const reader = createReader(connection, context, proofRetryMs);
    const proof = await reader.read((aggregator) => getProof(aggregator, { recount: false, signal: context.signal }));
    return { found: true, proof };
  } catch (error) {
    if (connection.kubernetes === undefined || !(error instanceof CliError)) throw error;
    return { found: false, problem: error.message };
  }
}

function isWell(resource: Resource | undefined, proof: Proof): boolean {
  const ready = resource?.status.conditions.find(({ type }) => type === 'Ready');
  const isReady = resource === undefined || ready?.status === 'True';
  return isReady && proof.found && findDoubt(proof.proof) === undefined;
}

/** The facts about a pipeline that `sumctl status` has read. */
interface Found {
  readonly resource: Resource | undefined;
  readonly proof: Proof;
  /** The numbers behind autoscaling. Undefined if the aggregators do not scale. */
  readonly scaling: ScalingNumbers | undefined;
}

function document({ resource, proof, scaling }: Found): unknown {
  return {
    ...(resource === undefined ? {} : { metadata: resource.metadata, status: resource.status }),
    ...(scaling === undefined ? {} : { autoscaling: scaling }),
    ...(proof.found ? { proof: proofJson(proof.proof) } : { proofProblem: proof.problem }),
  };
}

function render(name: string, found: Found): string {
  const { resource, proof } = found;
  const parts = [renderOverview(name, found)];
  if (resource !== undefined) {
    const { conditions } = resource.status;
    parts.push(
      conditions.length === 0
        ? 'No conditions yet: the operator has not reconciled this resource. Check that the operator runs: kubectl get pods -A\n'
        : renderTable(
            [
              { heading: 'Condition', value: ({ type }) => type },
              { heading: 'Status', value: ({ status }) => status },
              { heading: 'Reason', value: ({ reason }) => reason },
              { heading: 'Message', value: ({ message }) => message },
            ],
            conditions,
          ),
    );
  }
  if (proof.found) parts.push(renderPartitions(proof.proof.partitions));
  return parts.join('\n');
}

function renderOverview(name: string, { resource, proof, scaling }: Found): string {
  const fields: [string, string][] = [['Pipeline', name]];
  if (resource !== undefined) {
    const { metadata, status } = resource;
    if (typeof metadata.deletionTimestamp === 'string')
      fields.push(['Deleting', `since ${metadata.deletionTimestamp}`]);
    if (status.observedGeneration !== metadata.generation) {
      fields.push(['Behind', `the operator has not yet acted on generation ${metadata.generation ?? '?'}`]);
    }
    fields.push(
      ['Calculators', status.calculator?.replicas ?? '-'],
      ['Aggregators', status.aggregator?.replicas ?? '-'],
      ...(scaling === undefined ? [] : [['Autoscaling', explainScaling(scaling)] satisfies [string, string]]),
      ['Image', status.image ?? '-'],
      ['Kafka', status.bootstrap === undefined ? '-' : `${status.bootstrap}, topic ${status.topic ?? '-'}`],
    );
  }
  fields.push(['Exact', describeExact(proof)]);
  if (proof.found) {
    const { partitions } = proof.proof;
    const lag = partitions.reduce(
      (sum, { logEnd, nextOffset }) => sum + (logEnd > nextOffset ? logEnd - nextOffset : 0n),
      0n,
    );
    const where = `${partitions.length} ${partitions.length === 1 ? 'partition' : 'partitions'}`;
    fields.push(['Lag', `${lag} ${lag === 1n ? 'record' : 'records'} in ${where}`]);
  }
  return renderFields(fields);
}

function describeExact(proof: Proof): string {
  if (!proof.found) return `unknown: ${proof.problem}`;
  const doubt = findDoubt(proof.proof);
  return doubt === undefined ? 'yes' : `no (${doubt.reason}): ${doubt.message}`;
}
