import { labelKeys, selectorLabels } from '#contract/labels.ts';
import { type Component, childName } from '#contract/names.ts';
import type { SumPipeline } from '#operator/api/types.ts';
import { type ChildObject, childOf } from './child.ts';
import { ownership } from './childKinds.ts';
import type { Facts } from './facts.ts';
import { refOf } from './identity.ts';

/**
 * Builds the ServiceMonitor. It scrapes the headless Service, because only the headless Service has the admin port
 * (service.ts).
 */
export function buildServiceMonitor(
  pipeline: SumPipeline,
  facts: Facts,
  component: Component,
): ChildObject | undefined {
  const { enabled, labels } = pipeline.spec.monitoring;
  if (!enabled || !facts.apis.monitoring) return undefined;
  const ref = refOf(pipeline);
  return childOf(
    pipeline,
    { owned: ownership.serviceMonitor, name: childName.workload(ref, component), component, labels },
    {
      spec: {
        selector: { matchLabels: selectorLabels(ref, component) },
        namespaceSelector: { matchNames: [ref.namespace] },
        endpoints: [
          {
            port: 'admin',
            path: '/metrics',
            ...(isScaled(pipeline) ? { interval: '15s' } : {}),
            relabelings: [metaLabel(labelKeys.name, 'pipeline'), metaLabel(labelKeys.component, 'component')],
          },
        ],
      },
    },
  );
}

/**
 * Whether a component has autoscaling. If so, Prometheus must scrape every 15 s: the rules of autoscaling look back
 * one minute, and an interval of 30 s would give them only two samples.
 */
function isScaled({ spec }: SumPipeline): boolean {
  return spec.aggregator.autoscaling !== undefined || spec.calculator.autoscaling !== undefined;
}

/**
 * Copies a label of the Service to every series: `pipeline` or `component`. prometheus-operator adds further labels.
 */
function metaLabel(key: string, targetLabel: string): object {
  return { sourceLabels: [`__meta_kubernetes_service_label_${key.replaceAll(/[./]/g, '_')}`], targetLabel };
}
