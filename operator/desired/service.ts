import { selectorLabels } from '#contract/labels.ts';
import { type Component, childName } from '#contract/names.ts';
import { ports } from '#contract/ports.ts';
import type { SumPipeline } from '#operator/api/types.ts';
import { type ChildObject, childOf } from './child.ts';
import { ownership } from './childKinds.ts';
import type { Facts } from './facts.ts';
import { refOf } from './identity.ts';

/**
 * Ports of the API. `protocol` is a key of this list in server-side apply, so it is set and not left to the default.
 */
const apiPorts = [
  { name: 'http', port: ports.http, targetPort: 'http', protocol: 'TCP', appProtocol: 'http' },
  { name: 'grpc', port: ports.grpc, targetPort: 'grpc', protocol: 'TCP', appProtocol: 'kubernetes.io/h2c' },
];

/**
 * Builds the Service of a component. A gRPC client of this Service keeps one connection to one pod. Clients that spread
 * their requests over all pods use the headless Service.
 */
export function buildService(pipeline: SumPipeline, _facts: Facts, component: Component): ChildObject {
  const ref = refOf(pipeline);
  return childOf(
    pipeline,
    { owned: ownership.service, name: childName.service(ref, component), component },
    { spec: { type: 'ClusterIP', selector: selectorLabels(ref, component), ports: apiPorts } },
  );
}

/**
 * Builds the headless Service: the addresses of the ready pods, for gRPC clients that balance their load themselves
 * (`dns:///...`). `publishNotReadyAddresses` is false, so that these clients do not call a pod that drains. Prometheus
 * also scrapes the unready addresses of an EndpointSlice, so no metrics are lost.
 *
 * Only this Service has the admin port. So a ServiceMonitor that selects both Services scrapes each pod once, and the
 * Service for applications has only the ports of the API.
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
