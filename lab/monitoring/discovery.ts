import { z } from 'zod';

/**
 * This file replaces Prometheus' service discovery, because Debian builds Prometheus without support for Kubernetes. It
 * makes the targets and the `__meta_kubernetes_*` labels of role `endpointslice`, as far as prometheus-operator's
 * relabelling reads them. The generated configuration still decides which targets are scraped, and with which labels.
 */
export interface TargetGroup {
  readonly targets: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

const labelsSchema = z.record(z.string(), z.string()).default({});
const metadataSchema = z.object({ name: z.string(), namespace: z.string(), labels: labelsSchema });

export const servicesSchema = z.object({ items: z.array(z.object({ metadata: metadataSchema })) });
export const podsSchema = z.object({
  items: z.array(
    z.object({
      metadata: metadataSchema,
      spec: z.object({
        containers: z.array(
          z.object({
            name: z.string(),
            ports: z.array(z.object({ name: z.string().optional(), containerPort: z.number() })).default([]),
          }),
        ),
      }),
      status: z.object({ phase: z.string().default('') }).default({ phase: '' }),
    }),
  ),
});
export const slicesSchema = z.object({
  items: z.array(
    z.object({
      metadata: metadataSchema,
      endpoints: z
        .array(
          z.object({
            addresses: z.array(z.string()),
            targetRef: z.object({ kind: z.string(), name: z.string() }).optional(),
          }),
        )
        .nullable()
        .transform((endpoints) => endpoints ?? []),
      ports: z
        .array(z.object({ name: z.string().default(''), port: z.number() }))
        .nullish()
        .transform((ports) => ports ?? []),
    }),
  ),
});

export interface ClusterObjects {
  readonly services: z.infer<typeof servicesSchema>;
  readonly pods: z.infer<typeof podsSchema>;
  readonly slices: z.infer<typeof slicesSchema>;
}

type Pod = ClusterObjects['pods']['items'][number];

/** Builds the targets of each namespace, by namespace name. */
export function buildTargets({ services, pods, slices }: ClusterObjects): Readonly<Record<string, TargetGroup[]>> {
  const keyOf = ({ namespace, name }: { namespace: string; name: string }) => `${namespace}/${name}`;
  const serviceLabels = new Map(services.items.map(({ metadata }) => [keyOf(metadata), metadata.labels]));
  const podsByName = new Map(pods.items.map((pod) => [keyOf(pod.metadata), pod]));
  const groups: Record<string, TargetGroup[]> = {};
  for (const { metadata, endpoints, ports } of slices.items) {
    const { namespace } = metadata;
    const service = metadata.labels['kubernetes.io/service-name'];
    if (service === undefined) continue;
    const labelsOfService = serviceLabels.get(keyOf({ namespace, name: service })) ?? {};
    for (const { addresses, targetRef } of endpoints) {
      const pod = targetRef?.kind === 'Pod' ? podsByName.get(keyOf({ namespace, name: targetRef.name })) : undefined;
      for (const { name, port } of ports) {
        groups[namespace] ??= [];
        groups[namespace].push({
          targets: addresses.map((address) => `${address}:${port}`),
          labels: {
            __meta_kubernetes_namespace: namespace,
            __meta_kubernetes_service_name: service,
            ...metaLabels('service', labelsOfService),
            __meta_kubernetes_endpointslice_port_name: name,
            ...(targetRef === undefined
              ? {}
              : {
                  __meta_kubernetes_endpointslice_address_target_kind: targetRef.kind,
                  __meta_kubernetes_endpointslice_address_target_name: targetRef.name,
                }),
            ...(pod === undefined ? {} : podLabels(pod, port)),
          },
        });
      }
    }
  }
  return groups;
}

function podLabels({ metadata, spec, status }: Pod, port: number): Record<string, string> {
  const container = spec.containers.find(({ ports }) => ports.some(({ containerPort }) => containerPort === port));
  return {
    __meta_kubernetes_pod_name: metadata.name,
    __meta_kubernetes_pod_phase: status.phase,
    ...(container === undefined ? {} : { __meta_kubernetes_pod_container_name: container.name }),
    ...metaLabels('pod', metadata.labels),
  };
}

function metaLabels(kind: 'service' | 'pod', labels: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(labels).flatMap(([key, value]) => {
      const name = key.replaceAll(/[^a-zA-Z0-9_]/g, '_');
      return [
        [`__meta_kubernetes_${kind}_label_${name}`, value],
        [`__meta_kubernetes_${kind}_labelpresent_${name}`, 'true'],
      ];
    }),
  );
}
