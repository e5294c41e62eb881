import { parseTo } from '#audit/arguments.ts';
import { verdictExitCodes } from '#audit/result.ts';
import { loadCluster } from '#cli/connection/cluster.ts';
import type { ConnectionOptions } from '#cli/connection/options.ts';
import { findPipeline } from '#cli/connection/pipelines.ts';
import type { Context } from '#cli/context.ts';
import { usageError } from '#cli/exit.ts';
import { renderAudit } from '#cli/output/audit.ts';
import { type OutputFormat, renderStructured } from '#cli/output/structured.ts';
import { runAuditJob } from './runJob.ts';

export interface FromLogRequest {
  readonly connection: ConnectionOptions;
  /** The last positions to compare, written as on the command line. Empty: all counted positions. */
  readonly to: string;
  readonly output: OutputFormat;
  readonly context: Context;
}

/** Runs an audit in a Job and prints the result. Needs a cluster, because the Secrets for Kafka are in Kubernetes. */
export async function verifyFromLog({ connection, to, output, context }: FromLogRequest): Promise<void> {
  if (connection.url !== undefined) {
    throw usageError(
      '--from-log runs in the cluster of the pipeline: leave out --aggregator-url',
      'Without Kubernetes, run "sumpipeline audit" with the environment of an aggregator.',
    );
  }
  const positions = parseTo(to);
  if (!positions.ok) throw usageError(`--to ${positions.problem}`);
  const cluster = loadCluster(connection);
  const { signal } = context;
  const pipeline = await findPipeline(cluster, { namespace: connection.namespace, name: connection.pipeline, signal });
  const result = await runAuditJob({ cluster, pipeline, to, context });
  context.stdout.write(output === 'table' ? renderAudit(result) : renderStructured(output, result));
  context.setExitCode(verdictExitCodes[result.verdict]);
}
