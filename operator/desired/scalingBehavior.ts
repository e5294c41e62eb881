import type { AggregatorAutoscaling } from '#operator/api/types.ts';

export interface BehaviorOptions {
  readonly knowsTolerance: boolean;
  /** Upper bound of the scale-down window in seconds, for a metric that already has the window of the spec. */
  readonly scaleDownSecondsMax?: number;
}

/**
 * Scale-down window of the HPA in seconds for the wanted number. The recording rules already apply the window of the
 * spec, so the window of the HPA only protects against a single wrong sample.
 */
export const guardSeconds = 60;

/**
 * Maximum number of pods that one step adds. The schema allows no larger number of replicas, so one step is always
 * enough.
 */
const podsPerStep = 1024;
/** Period of a policy in seconds. An HPA computes every 15 s, so each computation may make a full step. */
const policySeconds = 15;

/**
 * Builds the `behavior` of an HPA that goes to the wanted number in one step, after the windows of the spec. Without
 * tolerance 0 an HPA ignores a difference of 10 %: it would never scale from 10 to 11 or from 11 to 10.
 */
export function buildBehavior(
  behavior: AggregatorAutoscaling['behavior'],
  { knowsTolerance, scaleDownSecondsMax = Number.POSITIVE_INFINITY }: BehaviorOptions,
): object {
  const tolerance = knowsTolerance ? { tolerance: '0' } : {};
  return {
    scaleUp: {
      stabilizationWindowSeconds: behavior.scaleUp.stabilizationWindowSeconds,
      selectPolicy: 'Max',
      policies: [{ type: 'Pods', value: podsPerStep, periodSeconds: policySeconds }],
      ...tolerance,
    },
    scaleDown: {
      stabilizationWindowSeconds: Math.min(behavior.scaleDown.stabilizationWindowSeconds, scaleDownSecondsMax),
      selectPolicy: 'Max',
      policies: [{ type: 'Percent', value: 100, periodSeconds: policySeconds }],
      ...tolerance,
    },
  };
}
