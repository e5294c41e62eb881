import { type ConditionType, conditionTypes } from '#operator/api/status.ts';
import type { Condition } from '#operator/api/types.ts';

/** The new content of one condition. */
export interface Judgement {
  readonly status: Condition['status'];
  readonly reason: string;
  readonly message: string;
}

export interface ConditionContext {
  readonly previous: readonly Condition[];
  readonly generation: number | undefined;
  /** RFC 3339. */
  readonly now: string;
}

/**
 * Judgements as conditions, in reading order. The time is that of the last change of `status`: a new
 * reason or message does not change the time. Types without a judgement stay as they are.
 */
export function toConditions(
  judgements: Readonly<Partial<Record<ConditionType, Judgement>>>,
  { previous, generation, now }: ConditionContext,
): Condition[] {
  return conditionTypes.flatMap((type) => {
    const before = previous.find((condition) => condition.type === type);
    const judgement = judgements[type];
    if (judgement === undefined) return before === undefined ? [] : [before];
    const isFlip = before?.status !== judgement.status;
    return [
      {
        type,
        status: judgement.status,
        ...(generation === undefined ? {} : { observedGeneration: generation }),
        lastTransitionTime: isFlip ? now : before.lastTransitionTime,
        reason: toReason(judgement.reason),
        message: judgement.message.slice(0, messageLengthMax),
      },
    ];
  });
}

const messageLengthMax = 2048;

/**
 * Reasons come from pods, other operators and a ConfigMap that users may edit; the API server accepts only CamelCase.
 */
function toReason(text: string): string {
  const reason = text.replaceAll(/[^A-Za-z0-9_]/g, '').replace(/^[^A-Za-z]+/, '');
  return reason === '' ? 'Unknown' : reason.slice(0, 128);
}
