import { z } from 'zod';
import { labelKeys } from '#contract/labels.ts';
import { apiGroup, apiVersion, kind, type PipelineRef } from '#contract/names.ts';

/** Name of the container, in the aggregators' pods and in ours. */
export const containerName = 'sumpipeline';

/** A Deployment of aggregators as it is in the cluster; of its pods everything that they were given. */
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
  /** Of the SumPipeline: the Job goes when it does. */
  readonly uid: string;
  readonly name: string;
  readonly deployment: AggregatorDeployment;
  /** Positions for --to; empty: what the books have counted. */
  readonly to: string;
}

/** The pod and its log can be looked at for so long after the end. */
const keepForSeconds = 3600;

/** What is taken of the aggregators' pods: where and as whom they run. Not how they are spread, probed and restarted. */
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
 * A Job whose pod has what an aggregator's has: image, Secrets, environment, place. Undefined when the Deployment has no
 * container of ours. Sidecars are left out: one that never ends would keep the Job from ending.
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
      // An audit that failed says why; another try is a person's decision.
      backoffLimit: 0,
      ttlSecondsAfterFinished: keepForSeconds,
      template: {
        metadata: { labels, annotations: metadata.annotations },
        spec: {
          ...pick(spec, podFields),
          restartPolicy: 'Never',
          // It asks Kafka and PostgreSQL, never the API server.
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

/** Letters and digits that make no words, as Kubernetes' own suffixes. */
const alphabet = 'bcdfghjklmnpqrstvwxz2456789';

/** `orders-audit-x7k2p`. `random` answers numbers in [0, 1). */
export function auditJobName({ name }: PipelineRef, random: () => number): string {
  const letters = Array.from({ length: 5 }, () => alphabet[Math.floor(random() * alphabet.length)]);
  return `${name}-audit-${letters.join('')}`;
}

/** Selectors of ours, in Services, Deployments and the operator, use these labels: the pod must be none of theirs. */
function withoutOurs(labels: Readonly<Record<string, string>>): Record<string, string> {
  const ours: readonly string[] = Object.values(labelKeys);
  return Object.fromEntries(Object.entries(labels).filter(([key]) => !ours.includes(key)));
}

function pick(from: Readonly<Record<string, unknown>>, fields: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(fields.flatMap((field) => (from[field] === undefined ? [] : [[field, from[field]]])));
}
