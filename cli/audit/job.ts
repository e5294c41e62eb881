import { z } from 'zod';
import { labelKeys } from '#contract/labels.ts';
import { apiGroup, apiVersion, kind, type PipelineRef } from '#contract/names.ts';

/** Name of the container in the pods of the aggregators. The container in the pod of the Job has the same name. */
export const containerName = 'sumpipeline';

/** A Deployment of aggregators, as the API server returns it. The schema keeps every field of the pod template. */
export const deploymentSchema = z.object({
  spec: z.object({
    template: z.object({
      metadata: z
        .object({
          labels: z.record(z.string(), z.string()).default({}),
          annotations: z.record(z.string(), z.string()).default({}),
        })
        .default({ labels: {}, annotations: {} }),
      spec: z.looseObject({
        containers: z.array(
          z.looseObject({
            name: z.string(),
            volumeMounts: z.array(z.looseObject({ name: z.string() })).default([]),
          }),
        ),
        volumes: z.array(z.looseObject({ name: z.string() })).default([]),
      }),
    }),
  }),
});
type AggregatorDeployment = z.output<typeof deploymentSchema>;

export interface AuditJobRequest {
  readonly ref: PipelineRef;
  /** Uid of the SumPipeline: the Job is deleted with it. */
  readonly uid: string;
  readonly name: string;
  readonly deployment: AggregatorDeployment;
  /** Value of the auditor's option --to. Empty: the audit covers all positions that PostgreSQL has counted. */
  readonly to: string;
}

/** How long the finished Job is kept, in seconds, so that users can still read the output of its pod. */
const keepForSeconds = 3600;

/**
 * Fields that the Job copies from the pods of the aggregators. They decide on which node and as which user a pod
 * runs.
 */
const podFields = [
  'affinity',
  'dnsConfig',
  'dnsPolicy',
  'enableServiceLinks',
  'hostAliases',
  'imagePullSecrets',
  'nodeSelector',
  'priorityClassName',
  'runtimeClassName',
  'schedulerName',
  'securityContext',
  'serviceAccountName',
  'tolerations',
] as const;
const containerFields = ['image', 'imagePullPolicy', 'env', 'resources', 'volumeMounts'] as const;

/**
 * Builds the Job. Its pod has the image, Secrets, environment and placement of an aggregator's pod. Leaves out
 * sidecars, because a sidecar that runs forever would keep the Job from ending. Returns undefined if the Deployment
 * has no container named `containerName`.
 */
export function buildAuditJob({ ref, uid, name, deployment, to }: AuditJobRequest): object | undefined {
  const { metadata, spec } = deployment.spec.template;
  const container = spec.containers.find((one) => one.name === containerName);
  if (container === undefined) return undefined;
  const mounted = new Set(container.volumeMounts.map((mount) => mount.name));
  const labels = {
    ...withoutOurs(metadata.labels),
    'app.kubernetes.io/component': 'audit',
    'app.kubernetes.io/managed-by': 'sumctl',
    [`${apiGroup}/audit`]: ref.name,
  };
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name,
      namespace: ref.namespace,
      labels,
      ownerReferences: [{ apiVersion, kind, name: ref.name, uid }],
    },
    spec: {
      // No retries: a failed audit reports its reason, and the user decides about another run.
      backoffLimit: 0,
      ttlSecondsAfterFinished: keepForSeconds,
      template: {
        metadata: { labels, annotations: metadata.annotations },
        spec: {
          ...pick(spec, podFields),
          restartPolicy: 'Never',
          // The audit reads Kafka and PostgreSQL, never the API server.
          automountServiceAccountToken: false,
          volumes: spec.volumes.filter((volume) => mounted.has(volume.name)),
          containers: [
            {
              name: containerName,
              ...pick(container, containerFields),
              args: to === '' ? ['audit'] : ['audit', '--to', to],
              terminationMessagePolicy: 'FallbackToLogsOnError',
              securityContext: {
                allowPrivilegeEscalation: false,
                readOnlyRootFilesystem: true,
                capabilities: { drop: ['ALL'] },
              },
            },
          ],
        },
      },
    },
  };
}

/** Characters of random names. There are no vowels, so that no word is formed, as in names that Kubernetes makes. */
const alphabet = 'bcdfghjklmnpqrstvwxz2456789';

/** Makes the name of a Job, such as `orders-audit-x7k2p`. `random` returns numbers in [0, 1). */
export function auditJobName({ name }: PipelineRef, random: () => number): string {
  const letters = Array.from({ length: 5 }, () => alphabet[Math.floor(random() * alphabet.length)]);
  return `${name}-audit-${letters.join('')}`;
}

/** Removes our labels: the selectors of our Services, Deployments and operator must not find the Job's pod. */
function withoutOurs(labels: Readonly<Record<string, string>>): Record<string, string> {
  const ours: readonly string[] = Object.values(labelKeys);
  return Object.fromEntries(Object.entries(labels).filter(([key]) => !ours.includes(key)));
}

function pick(from: Readonly<Record<string, unknown>>, fields: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(fields.flatMap((field) => (from[field] === undefined ? [] : [[field, from[field]]])));
}
