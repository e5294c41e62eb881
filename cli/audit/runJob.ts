import { z } from 'zod';
import { type AuditResult, auditResultSchema } from '#audit/result.ts';
import { type Cluster, ClusterRefused } from '#cli/connection/cluster.ts';
import type { FoundPipeline } from '#cli/connection/pipelines.ts';
import type { Context } from '#cli/context.ts';
import { CliError, describeChain, exitCodes } from '#cli/exit.ts';
import { printable } from '#cli/output/table.ts';
import type { LivePod } from '#operator/observe/objects.ts';
import { firstPodProblem } from '#operator/observe/pod.ts';
import { pause } from '#platform/time.ts';
import { auditJobName, buildAuditJob, containerName } from './job.ts';
import { AuditCluster } from './jobs.ts';

export interface RunJobOptions {
  readonly cluster: Cluster;
  readonly pipeline: FoundPipeline;
  readonly to: string;
  readonly context: Pick<Context, 'signal' | 'stderr' | 'now' | 'random'>;
  /** Time between two polls of the pod. Default 1 s. */
  readonly pollMs?: number;
}

/** Maximum wait for the pod to start, in milliseconds: enough to pull an image and to add a node to the cluster. */
const startTimeoutMs = 300_000;
/**
 * How long reading the pod's output is retried, in milliseconds: the connection may break, or the API server may
 * restart.
 */
const logTimeoutMs = 60_000;
const deleteTimeoutMs = 10_000;

/** Runs an audit Job beside the pipeline, prints its progress and returns its result. Ctrl-C deletes the Job. */
export async function runAuditJob(options: RunJobOptions): Promise<AuditResult> {
  const { cluster, pipeline, to, context } = options;
  const { signal, stderr } = context;
  const { ref, resource } = pipeline;
  const audit = new AuditCluster(cluster, ref);
  const { uid } = z.looseObject({ metadata: z.looseObject({ uid: z.string() }) }).parse(resource).metadata;
  const deployment = await audit.readDeployment(signal);
  const name = auditJobName(ref, context.random);
  const job = buildAuditJob({ ref, uid, name, deployment, to });
  if (job === undefined) {
    throw new CliError(exitCodes.failed, `the aggregators' pods have no container "${containerName}"`);
  }
  try {
    await audit.createJob(job, signal);
    stderr.write(`created Job ${name}\n`);
    const pod = await untilStarted(audit, name, options);
    return await readResult(audit, { job: name, pod }, options);
  } catch (error) {
    if (signal.aborted || error instanceof NotStarted) await remove(audit, name, context);
    else if (!(error instanceof CliError))
      stderr.write(`Job ${name} may still run. Follow it: kubectl logs -n ${ref.namespace} job/${name}\n`);
    throw error;
  }
}

/** Thrown when the Job's pod did not start. Such a pod has no output that could explain the failure. */
class NotStarted extends CliError {}

async function untilStarted(
  audit: AuditCluster,
  job: string,
  { context, pollMs = 1_000 }: RunJobOptions,
): Promise<string> {
  const { signal, stderr, now } = context;
  const deadline = now() + startTimeoutMs;
  let said = '';
  for (;;) {
    const pod = await audit.findPod(job, signal);
    if (pod !== undefined && hasStarted(pod)) return pod.metadata.name;
    const problem = pod === undefined ? undefined : firstPodProblem([pod]);
    const words = problem === undefined ? '' : `${problem.reason}: ${problem.message}`;
    if (words !== said && words !== '') stderr.write(`waiting: pod ${pod?.metadata.name}: ${printable(words)}\n`);
    said = words;
    if (now() > deadline) {
      const why =
        pod === undefined
          ? 'it has no pod: check the quotas and policies of the namespace'
          : words || 'its pod is pending';
      throw new NotStarted(
        exitCodes.unreachable,
        `Job ${job} did not start within ${startTimeoutMs / 1000} s: ${why}`,
        {
          hint: 'The Job was deleted. Fix the cause and run the command again.',
        },
      );
    }
    await pause(pollMs, signal);
    signal.throwIfAborted();
  }
}

function hasStarted({ status }: LivePod): boolean {
  return status?.phase === 'Running' || status?.phase === 'Succeeded' || status?.phase === 'Failed';
}

interface Place {
  readonly job: string;
  readonly pod: string;
}

async function readResult(audit: AuditCluster, { job, pod }: Place, options: RunJobOptions): Promise<AuditResult> {
  const { context, pollMs = 1_000 } = options;
  const { signal, stderr, now } = context;
  const log = new LogReader((line) => stderr.write(`${printable(line)}\n`));
  let deadline = now() + logTimeoutMs;
  for (;;) {
    let broken: unknown;
    try {
      for await (const line of audit.followLog(pod, log.resume(), signal)) {
        log.take(line);
        deadline = now() + logTimeoutMs;
      }
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof CliError && error.cause instanceof ClusterRefused && error.cause.status === 403) throw error;
      broken = error;
    }
    if (log.result !== undefined) return log.result;
    const live = await audit.findPod(job, signal);
    const exitCode = exitCodeOf(live);
    const hasEnded = live?.status?.phase === 'Failed' || live?.status?.phase === 'Succeeded';
    // The output is complete once the container has ended: read its last lines before reporting the end.
    if (live === undefined || (hasEnded && broken === undefined)) throw noResult(job, exitCode, log.last);
    if (now() > deadline) {
      throw new CliError(
        exitCodes.unreachable,
        `the output of Job ${job} cannot be read: ${describeChain(broken ?? 'it ended before the pod ended')}`,
        {
          hint: `The audit may still run. Follow it: kubectl logs -f job/${job}`,
          cause: broken,
        },
      );
    }
    await pause(pollMs, signal);
    signal.throwIfAborted();
  }
}

function noResult(job: string, exitCode: number | undefined, last: string): CliError {
  const end =
    exitCode === undefined ? 'its pod was deleted or evicted' : `its container ended with exit code ${exitCode}`;
  const words = last === '' ? '' : `: ${last.replace(/^error: /, '')}`;
  const hints: Readonly<Record<number, string>> = {
    2: 'If the image does not know "audit", it is older than this sumctl: upgrade the pipeline, or use the sumctl of its version.',
    137: 'It may have needed more memory than its limit: raise spec.aggregator.resources.',
  };
  const hint = exitCode === undefined ? undefined : hints[exitCode];
  return new CliError(
    exitCodes.unreachable,
    `Job ${job} gave no result: ${end}${words}`,
    hint === undefined ? {} : { hint },
  );
}

function exitCodeOf(pod: LivePod | undefined): number | undefined {
  return pod?.status?.containerStatuses?.find(({ name }) => name === containerName)?.state?.terminated?.exitCode;
}

/**
 * Reads what the pod of the Job prints. A line of JSON is the result. Every other line is progress and is printed
 * once.
 */
class LogReader {
  readonly #tell: (line: string) => void;
  #newest: string | undefined;
  #since: string | undefined;
  result: AuditResult | undefined;
  last = '';

  constructor(tell: (line: string) => void) {
    this.#tell = tell;
  }

  /**
   * Returns the time from which to request the output again. Lines up to this time were read before and are skipped.
   */
  resume(): string | undefined {
    this.#since = this.#newest;
    return this.#since;
  }

  take(line: string): void {
    const space = line.indexOf(' ');
    const [time, text] = [line.slice(0, space), line.slice(space + 1)];
    // Skip a line that was read before. All times have the same length, so comparing them as text gives their order.
    if (this.#since !== undefined && time <= this.#since) return;
    this.#newest = time;
    const parsed = text.startsWith('{') ? auditResultSchema.safeParse(parseJson(text)) : undefined;
    if (parsed?.success === true) {
      this.result = parsed.data;
      return;
    }
    this.last = text;
    this.#tell(text);
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Deletes the Job. Does not use the command's signal, because Ctrl-C may have aborted that signal. */
async function remove(audit: AuditCluster, name: string, { stderr }: RunJobOptions['context']): Promise<void> {
  try {
    await audit.deleteJob(name, AbortSignal.timeout(deleteTimeoutMs));
    stderr.write(`deleted Job ${name}\n`);
  } catch (error) {
    stderr.write(`Job ${name} could not be deleted: ${printable(describeChain(error))}\n`);
  }
}
