import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildTargets, podsSchema, servicesSchema, slicesSchema } from './discovery.ts';

const metadata = (name: string, labels: Record<string, string> = {}) => ({ name, namespace: 'default', labels });

test('an endpoint of a pod becomes a target with the labels of its Service and its pod', () => {
  const targets = buildTargets({
    services: servicesSchema.parse({ items: [{ metadata: metadata('orders', { 'sumpipeline.dev/name': 'orders' }) }] }),
    pods: podsSchema.parse({
      items: [
        {
          metadata: metadata('orders-1'),
          spec: { containers: [{ name: 'main', ports: [{ containerPort: 9464 }] }] },
          status: { phase: 'Running' },
        },
      ],
    }),
    slices: slicesSchema.parse({
      items: [
        {
          metadata: metadata('orders-x', { 'kubernetes.io/service-name': 'orders' }),
          endpoints: [{ addresses: ['10.1.1.1'], targetRef: { kind: 'Pod', name: 'orders-1' } }],
          ports: [{ name: 'admin', port: 9464 }],
        },
        { metadata: metadata('none-y', { 'kubernetes.io/service-name': 'none' }), endpoints: null, ports: null },
      ],
    }),
  });
  assert.deepEqual(targets, {
    default: [
      {
        targets: ['10.1.1.1:9464'],
        labels: {
          __meta_kubernetes_namespace: 'default',
          __meta_kubernetes_service_name: 'orders',
          __meta_kubernetes_service_label_sumpipeline_dev_name: 'orders',
          __meta_kubernetes_service_labelpresent_sumpipeline_dev_name: 'true',
          __meta_kubernetes_endpointslice_port_name: 'admin',
          __meta_kubernetes_endpointslice_address_target_kind: 'Pod',
          __meta_kubernetes_endpointslice_address_target_name: 'orders-1',
          __meta_kubernetes_pod_name: 'orders-1',
          __meta_kubernetes_pod_phase: 'Running',
          __meta_kubernetes_pod_container_name: 'main',
        },
      },
    ],
  });
});
