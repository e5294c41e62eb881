import { childName } from '#contract/names.ts';
import { recordedSeries } from '#contract/scaling.ts';
import type { SumPipeline } from '#operator/api/types.ts';
import { type ChildObject, childOf } from './child.ts';
import { ownership } from './childKinds.ts';
import type { Facts } from './facts.ts';
import { refOf } from './identity.ts';
import { aggregatorsMax, scaleTargetOf } from './scaleTarget.ts';
import { buildBehavior, guardSeconds } from './scalingBehavior.ts';

/** Interval of KEDA's queries in seconds, equal to the default interval of an HPA. */
const pollingSeconds = 15;
/**
 * After this number of failed queries, which takes one minute, KEDA keeps the number of replicas, as an HPA does
 * without a metric.
 */
const failuresBeforeFallback = 4;

/**
 * Builds the ScaledObject of mode `keda`. KEDA queries Prometheus for the wanted number of aggregators and makes an
 * HPA.
 */
export function buildScaledObject(pipeline: SumPipeline, facts: Facts): ChildObject | undefined {
  const { autoscaling } = pipeline.spec.aggregator;
  if (autoscaling?.mode !== 'keda' || autoscaling.prometheus === undefined || !facts.apis.keda) return undefined;
  const ref = refOf(pipeline);
  const query = `${recordedSeries.desired}{namespace="${ref.namespace}",pipeline="${ref.name}"}`;
  return childOf(
    pipeline,
    { owned: ownership.scaledObject, name: childName.workload(ref, 'aggregator'), component: 'aggregator' },
    {
      spec: {
        scaleTargetRef: scaleTargetOf(pipeline, 'aggregator'),
        pollingInterval: pollingSeconds,
        minReplicaCount: autoscaling.min,
        maxReplicaCount: aggregatorsMax(pipeline, autoscaling),
        fallback: {
          failureThreshold: failuresBeforeFallback,
          // KEDA uses this number only if it does not know the current number.
          replicas: autoscaling.min,
          behavior: 'currentReplicas',
        },
        advanced: {
          horizontalPodAutoscalerConfig: {
            behavior: buildBehavior(autoscaling.behavior, {
              knowsTolerance: facts.scaling.knowsTolerance,
              scaleDownSecondsMax: guardSeconds,
            }),
          },
        },
        triggers: [
          {
            type: 'prometheus',
            metricType: 'AverageValue',
            metadata: {
              serverAddress: autoscaling.prometheus.serverAddress,
              query,
              threshold: '1',
              // A missing value counts as an error, never as 0: 0 would scale in to the minimum.
              ignoreNullValues: 'false',
            },
          },
        ],
      },
    },
  );
}
