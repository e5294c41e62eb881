import type { AggregatorAutoscaling } from '#operator/api/types.ts';

export interface BehaviorOptions {
  readonly knowsTolerance: boolean;
  /** For a metric that already has the stabilization window applied. */
  readonly scaleDownSecondsMax?: number;
}

/** The rules hold the number for the whole window; the HPA's own one only guards against a single wrong sample. */
export const guardSeconds = 60;

/** Above any number of replicas that the schema allows: one step may go all the way. */
const podsPerStep = 1024;
/** An HPA looks every 15 s; a policy counts what was done within its period. */
const policySeconds = 15;

/**
 * Behaviour of an HPA that follows the wanted number exactly: in one step, up after a short window, down after a long
 * one. Without tolerance 0 an HPA ignores a difference of 10 %: it would never scale from 10 to 11, nor back.
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
