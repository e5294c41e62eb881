import { selectorLabels } from '#contract/labels.ts';
import { type Component, childName } from '#contract/names.ts';
import { ports } from '#contract/ports.ts';
import type { SumPipeline } from '#operator/api/types.ts';
import { type ChildObject, childOf } from './child.ts';
import { ownership } from './childKinds.ts';
import type { Facts } from './facts.ts';
import { refOf } from './identity.ts';

/** Protocol is a key of the list for server-side apply, so it is set explicitly and not left to the default. */
const apiPorts = [
  { name: 'http', port: ports.http, targetPort: 'http', protocol: 'TCP', appProtocol: 'http' },
  { name: 'grpc', port: ports.grpc, targetPort: 'grpc', protocol: 'TCP', appProtocol: 'kubernetes.io/h2c' },
];

/** One address for a component. gRPC clients behind it keep one connection, so to one pod: see the headless one. */
export function buildService(pipeline: SumPipeline, _facts: Facts, component: Component): ChildObject {
  const ref = refOf(pipeline);
  return childOf(
    pipeline,
    { owned: ownership.service, name: childName.service(ref, component), component },
    { spec: { type: 'ClusterIP', selector: selectorLabels(ref, component), ports: apiPorts } },
  );
}

/**
 * The addresses of the ready pods, for gRPC clients that balance themselves (`dns:///...`). Unready pods are left
 * out (`publishNotReadyAddresses` false): such a client would call a draining pod. Metrics of unready pods are not
 * lost by that, because Prometheus scrapes the unready addresses of an EndpointSlice too. Only this Service carries
 * the admin port, so a ServiceMonitor that selects both Services scrapes each pod once, and the address that
 * applications use shows only the API.
 */
export function buildHeadlessService(pipeline: SumPipeline, _facts: Facts, component: Component): ChildObject {
  const ref = refOf(pipeline);
  const admin = { name: 'admin', port: ports.admin, targetPort: 'admin', protocol: 'TCP', appProtocol: 'http' };
  return childOf(
    pipeline,
    { owned: ownership.service, name: childName.headlessService(ref, component), component },
    {
      spec: {
        type: 'ClusterIP',
        clusterIP: 'None',
        publishNotReadyAddresses: false,
        selector: selectorLabels(ref, component),
        ports: [...apiPorts, admin],
      },
    },
  );
}
