import { selectorLabels } from '#contract/labels.ts';
import type { Component } from '#contract/names.ts';
import { ports } from '#contract/ports.ts';
import type { ComponentSpec, SumPipeline } from '#operator/api/types.ts';
import { labelsOf } from './child.ts';
import { buildEnvironment, drainMs } from './environment.ts';
import type { Facts } from './facts.ts';
import { imageOf, refOf, serviceAccountOf } from './identity.ts';
import { buildVolumes } from './volumes.ts';

/** Name of the container, for example in `kubectl logs -c`. */
const containerName = 'sumpipeline';

/** Maximum time in ms after the drain in which a pod finishes requests and commits, and closes its connections. */
const finishMs = 20_000;
/** Additional time in ms before Kubernetes kills the pod, so that it never kills a pod that still finishes. */
const reserveMs = 5_000;

/**
 * Resources when the spec sets none. They fit a laptop. They have no CPU limit, because throttling causes latency and
 * lag.
 */
const defaultResources = {
  requests: { cpu: '50m', memory: '128Mi' },
  limits: { memory: '512Mi' },
} as const;

/**
 * Builds the template of a pod that meets the restricted Pod Security Standard. Our settings come last, so they replace
 * settings of the user.
 */
export function buildPodTemplate(pipeline: SumPipeline, facts: Facts, component: Component): object {
  const { podTemplate = {}, resources } = pipeline.spec[component];
  const { imagePullSecrets } = pipeline.spec;
  const { volumes, volumeMounts } = buildVolumes(pipeline, facts, component);
  return {
    metadata: {
      labels: { ...podTemplate.labels, ...labelsOf(pipeline, component) },
      ...(podTemplate.annotations === undefined ? {} : { annotations: podTemplate.annotations }),
    },
    spec: {
      ...placement(podTemplate),
      topologySpreadConstraints: spread(pipeline, component),
      ...(imagePullSecrets === undefined ? {} : { imagePullSecrets }),
      serviceAccountName: serviceAccountOf(pipeline, component),
      // Only the aggregators need a token: they write their verdict to the API server.
      automountServiceAccountToken: component === 'aggregator',
      // Kubernetes would add variables for every Service of the namespace. They could replace our variables.
      enableServiceLinks: false,
      terminationGracePeriodSeconds: (drainMs + finishMs + reserveMs) / 1000,
      securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [
        {
          name: containerName,
          image: imageOf(pipeline, facts),
          args: [component],
          env: buildEnvironment(pipeline, facts, component),
          ports: [
            { name: 'http', containerPort: ports.http, protocol: 'TCP' },
            { name: 'grpc', containerPort: ports.grpc, protocol: 'TCP' },
            { name: 'admin', containerPort: ports.admin, protocol: 'TCP' },
          ],
          resources: resources ?? defaultResources,
          ...probes,
          // The last lines of program output become the message of a container that ended, which our condition quotes.
          terminationMessagePolicy: 'FallbackToLogsOnError',
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'] },
          },
          ...(volumeMounts.length === 0 ? {} : { volumeMounts }),
        },
      ],
      ...(volumes.length === 0 ? {} : { volumes }),
    },
  };
}

/**
 * Probes of the container. A start waits for nothing outside the pod, so a minute is enough. `/livez` responds as long
 * as the event loop of the process is not blocked.
 */
const probes = {
  startupProbe: {
    httpGet: { path: '/livez', port: 'admin' },
    periodSeconds: 1,
    timeoutSeconds: 2,
    failureThreshold: 60,
  },
  readinessProbe: {
    httpGet: { path: '/readyz', port: 'admin' },
    periodSeconds: 2,
    timeoutSeconds: 2,
    failureThreshold: 2,
  },
  livenessProbe: {
    httpGet: { path: '/livez', port: 'admin' },
    periodSeconds: 10,
    timeoutSeconds: 5,
    failureThreshold: 3,
  },
} as const;

function placement(podTemplate: NonNullable<ComponentSpec['podTemplate']>): object {
  const { nodeSelector, tolerations, affinity, priorityClassName } = podTemplate;
  const given = Object.entries({ nodeSelector, tolerations, affinity, priorityClassName });
  return Object.fromEntries(given.filter(([, value]) => value !== undefined));
}

/**
 * Spreads the pods over nodes and zones as far as possible. The pods of each version are spread separately, so old pods
 * do not influence a rolling update.
 */
function spread(pipeline: SumPipeline, component: Component): object[] {
  const labelSelector = { matchLabels: selectorLabels(refOf(pipeline), component) };
  const given = pipeline.spec[component].podTemplate?.topologySpreadConstraints;
  if (given !== undefined) return given.map((constraint) => ({ labelSelector, ...constraint }));
  return ['kubernetes.io/hostname', 'topology.kubernetes.io/zone'].map((topologyKey) => ({
    maxSkew: 1,
    topologyKey,
    whenUnsatisfiable: 'ScheduleAnyway',
    labelSelector,
    matchLabelKeys: ['pod-template-hash'],
  }));
}
