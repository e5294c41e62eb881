import type { z } from 'zod';
import { type Cluster, ClusterRefused } from '#cli/connection/cluster.ts';
import { podListSchema } from '#cli/connection/podList.ts';
import { CliError, exitCodes } from '#cli/exit.ts';
import { childName, formatRef, type PipelineRef } from '#contract/names.ts';
import type { LivePod } from '#operator/observe/objects.ts';
import { containerName, deploymentSchema } from './job.ts';

/** The Kubernetes calls of an audit, in one namespace. If a permission is missing, the error names it. */
export class AuditCluster {
  readonly #cluster: Cluster;
  readonly #ref: PipelineRef;

  constructor(cluster: Cluster, ref: PipelineRef) {
    this.#cluster = cluster;
    this.#ref = ref;
  }

  async readDeployment(signal: AbortSignal): Promise<z.output<typeof deploymentSchema>> {
    const name = childName.workload(this.#ref, 'aggregator');
    const path = `/apis/apps/v1/namespaces/${this.#namespace}/deployments/${encodeURIComponent(name)}`;
    try {
      return deploymentSchema.parse(await this.#cluster.request({ method: 'GET', path, signal }));
    } catch (error) {
      if (error instanceof ClusterRefused && error.status === 404) {
        throw new CliError(
          exitCodes.failed,
          `${formatRef(this.#ref)} has no aggregators: Deployment ${name} is missing`,
          {
            hint: `Check the pipeline: sumctl status -n ${this.#ref.namespace} -p ${this.#ref.name}`,
            cause: error,
          },
        );
      }
      throw this.#explain(error, 'get deployments.apps');
    }
  }

  async createJob(job: object, signal: AbortSignal): Promise<void> {
    try {
      await this.#cluster.request({ method: 'POST', path: this.#jobs, body: job, signal });
    } catch (error) {
      throw this.#explain(error, 'create jobs.batch');
    }
  }

  /** Deletes the Job with its pod, if the Job exists. */
  async deleteJob(name: string, signal: AbortSignal): Promise<void> {
    const path = `${this.#jobs}/${encodeURIComponent(name)}`;
    try {
      await this.#cluster.request({ method: 'DELETE', path, query: { propagationPolicy: 'Background' }, signal });
    } catch (error) {
      if (error instanceof ClusterRefused && error.status === 404) return;
      throw this.#explain(error, 'delete jobs.batch');
    }
  }

  /** Returns the pod of a Job, or undefined while the Job has no pod. */
  async findPod(job: string, signal: AbortSignal): Promise<LivePod | undefined> {
    const path = `/api/v1/namespaces/${this.#namespace}/pods`;
    const query = { labelSelector: `batch.kubernetes.io/job-name=${job}` };
    try {
      const { items } = podListSchema.parse(await this.#cluster.request({ method: 'GET', path, query, signal }));
      return items[0];
    } catch (error) {
      throw this.#explain(error, 'list pods');
    }
  }

  /**
   * Yields each line that the pod prints, as soon as it arrives. Each line begins with the time at which it was
   * printed. Ends when the container or the connection ends.
   */
  async *followLog(pod: string, since: string | undefined, signal: AbortSignal): AsyncGenerator<string> {
    const path = `/api/v1/namespaces/${this.#namespace}/pods/${encodeURIComponent(pod)}/log`;
    const place = { container: containerName, follow: 'true', timestamps: 'true' };
    const query = since === undefined ? place : { ...place, sinceTime: since };
    try {
      yield* this.#cluster.lines({ path, query, signal });
    } catch (error) {
      throw this.#explain(error, 'get pods/log');
    }
  }

  get #namespace(): string {
    return encodeURIComponent(this.#ref.namespace);
  }

  get #jobs(): string {
    return `/apis/batch/v1/namespaces/${this.#namespace}/jobs`;
  }

  #explain(error: unknown, right: string): unknown {
    if (!(error instanceof ClusterRefused)) return error;
    if (error.status === 403 && error.reason === 'Forbidden' && / cannot /.test(error.message)) {
      return new CliError(exitCodes.failed, `not permitted: ${error.message}`, {
        hint: `Ask an administrator for the permission to ${right} in namespace "${this.#ref.namespace}".`,
        cause: error,
      });
    }
    return new CliError(exitCodes.unreachable, `the API server refused: ${error.message}`, { cause: error });
  }
}
