import { apiVersion, kind } from '#contract/names.ts';

/** A resource as a user writes it. */
export interface Draft {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace: string; uid?: string };
  spec: Record<string, unknown>;
  [field: string]: unknown;
}

function draft(spec: Record<string, unknown>): Draft {
  return { apiVersion, kind, metadata: { name: 'orders', namespace: 'shop' }, spec };
}

/** A resource with the required fields only. */
export function minimalDraft(): Draft {
  return draft({
    kafka: { bootstrapServers: ['kafka-1:9096'], topic: { partitions: 3 } },
    store: { postgres: { secretRef: { name: 'orders-db' } } },
  });
}

/** A resource that uses a Kafka of Strimzi in another namespace, with a Managed topic. */
export function strimziDraft(): Draft {
  return draft({
    kafka: {
      cluster: { name: 'main', namespace: 'kafka', listener: 'scram' },
      auth: { scram: { secretRef: { name: 'orders-kafka' } } },
      topic: { partitions: 12 },
    },
    store: { postgres: { secretRef: { name: 'orders-db' } } },
    calculator: { replicas: 2 },
    aggregator: { replicas: 3 },
    monitoring: { enabled: true, labels: { release: 'prometheus' } },
  });
}

/** A resource with every field that can be combined with the others. `strimziDraft` has the other fields. */
export function fullDraft(): Draft {
  return draft({
    kafka: {
      bootstrapServers: ['kafka-1:9096', 'kafka-2:9096'],
      tls: { enabled: true, caSecretRef: { name: 'orders-kafka-ca', key: 'tls.crt' } },
      auth: {
        scram: {
          mechanism: 'SCRAM-SHA-256',
          secretRef: { name: 'orders-kafka', usernameKey: 'user', passwordKey: 'pass' },
        },
      },
      topic: {
        name: 'shop.orders_V2',
        management: 'Managed',
        shared: true,
        partitions: 12,
        replicas: 3,
        minInSyncReplicas: 2,
        retention: '30d',
        config: { 'segment.bytes': '268435456' },
      },
    },
    store: {
      postgres: {
        secretRef: { name: 'orders-db', uriKey: 'url' },
        caSecretRef: { name: 'orders-db-ca', key: 'tls.crt' },
        schema: 'shop_orders',
      },
    },
    image: 'registry.example.com/sumpipeline:1.2.3',
    imagePullSecrets: [{ name: 'registry' }],
    serviceAccount: { annotations: { 'example.com/role': 'orders' } },
    calculator: component('calculator'),
    aggregator: component('aggregator'),
    monitoring: { enabled: true, labels: { release: 'prometheus' } },
    telemetry: {
      endpoint: 'http://otel-collector.observability:4318',
      sampler: { type: 'traceidratio', argument: '0.05' },
    },
    deletionPolicy: 'Retain',
  });
}

function component(name: string): Record<string, unknown> {
  const selector = {
    matchLabels: { team: 'shop' },
    matchExpressions: [{ key: 'tier', operator: 'In', values: ['back'] }],
  };
  const nodeTerm = {
    matchExpressions: [{ key: 'disk', operator: 'In', values: ['ssd'] }],
    matchFields: [{ key: 'metadata.name', operator: 'NotIn', values: ['node-1'] }],
  };
  const podTerm = {
    labelSelector: selector,
    namespaces: ['shop'],
    namespaceSelector: selector,
    topologyKey: 'kubernetes.io/hostname',
    matchLabelKeys: ['pod-template-hash'],
    mismatchLabelKeys: ['track'],
  };
  const podAffinity = {
    requiredDuringSchedulingIgnoredDuringExecution: [podTerm],
    preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 10, podAffinityTerm: podTerm }],
  };
  return {
    replicas: 2,
    resources: { requests: { cpu: '100m', memory: '256Mi' }, limits: { cpu: 2, memory: '1Gi' } },
    podTemplate: {
      labels: { team: 'shop', component: name },
      annotations: { 'example.com/note': 'any text, with: marks' },
      nodeSelector: { 'kubernetes.io/os': 'linux' },
      tolerations: [{ key: 'dedicated', operator: 'Equal', value: 'sums', effect: 'NoExecute', tolerationSeconds: 60 }],
      affinity: {
        nodeAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [nodeTerm] },
          preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, preference: nodeTerm }],
        },
        podAffinity,
        podAntiAffinity: podAffinity,
      },
      topologySpreadConstraints: [
        {
          maxSkew: 1,
          topologyKey: 'topology.kubernetes.io/zone',
          whenUnsatisfiable: 'DoNotSchedule',
          labelSelector: selector,
          matchLabelKeys: ['pod-template-hash'],
          minDomains: 2,
          nodeAffinityPolicy: 'Honor',
          nodeTaintsPolicy: 'Ignore',
        },
      ],
      priorityClassName: 'important',
    },
  };
}

/** A resource that scales both components, with every field of autoscaling that can be combined with the others. */
export function scaledDraft(): Draft {
  const behavior = { scaleUp: { stabilizationWindowSeconds: 30 }, scaleDown: { stabilizationWindowSeconds: 120 } };
  return draft({
    kafka: { bootstrapServers: ['kafka-1:9096'], topic: { partitions: 12 } },
    store: { postgres: { secretRef: { name: 'orders-db' } } },
    calculator: { autoscaling: { min: 2, max: 8, inFlight: 100, cpuUtilisation: 70, behavior } },
    aggregator: {
      autoscaling: {
        mode: 'hpa',
        min: 1,
        max: 12,
        drainSeconds: 30,
        utilisation: 60,
        capacityHint: 2000,
        behavior,
      },
    },
    monitoring: { enabled: true, labels: { release: 'prometheus' } },
  });
}

/** A resource whose aggregators KEDA scales. */
export function kedaDraft(): Draft {
  return changed(scaledDraft(), {
    calculator: { replicas: 2 },
    'aggregator.autoscaling': {
      mode: 'keda',
      max: 6,
      prometheus: { serverAddress: 'http://prometheus.monitoring.svc:9090' },
    },
  });
}

/** New values by path in the spec, such as `kafka.topic.partitions`. Undefined removes the field. */
export type Changes = Readonly<Record<string, unknown>>;

/**
 * Returns a copy with the changes and adds missing parents. A path that begins with `/` starts at the resource, not at
 * its spec.
 */
export function changed(original: Draft, changes: Changes): Draft {
  const copy = structuredClone(original);
  for (const [path, value] of Object.entries(changes)) {
    if (path.startsWith('/')) setAt(copy, path.slice(1).split('.'), value);
    else setAt(copy.spec, path.split('.'), value);
  }
  return copy;
}

/** Sets the field at the path; undefined removes the field. Digits in the path are list indexes. */
export function setAt(root: Record<string, unknown>, path: readonly (string | number)[], value: unknown): void {
  let node: Record<string | number, unknown> = root;
  for (const step of path.slice(0, -1)) {
    node[step] ??= {};
    node = node[step] as Record<string, unknown>;
  }
  const last = path.at(-1) ?? '';
  if (value === undefined) delete node[last];
  else node[last] = value;
}
