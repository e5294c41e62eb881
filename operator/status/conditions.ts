import { type ConditionType, conditionTypes } from '#operator/api/status.ts';
import type { Condition } from '#operator/api/types.ts';

/** New status, reason and message of one condition. */
export interface ConditionDraft {
  readonly status: Condition['status'];
  readonly reason: string;
  readonly message: string;
}

export interface ConditionContext {
  readonly previous: readonly Condition[];
  readonly generation: number | undefined;
  /** Time of the pass, as in RFC 3339. */
  readonly now: string;
}

/**
 * Converts drafts to conditions, in the order of `conditionTypes`. `lastTransitionTime` changes only with `status`,
 * not with reason or message. Conditions without a draft stay as they are.
 */
export function toConditions(
  drafts: Readonly<Partial<Record<ConditionType, ConditionDraft>>>,
  { previous, generation, now }: ConditionContext,
): Condition[] {
  return conditionTypes.flatMap((type) => {
    const before = previous.find((condition) => condition.type === type);
    const draft = drafts[type];
    if (draft === undefined) return before === undefined ? [] : [before];
    const isFlip = before?.status !== draft.status;
    return [
      {
        type,
        status: draft.status,
        ...(generation === undefined ? {} : { observedGeneration: generation }),
        lastTransitionTime: isFlip ? now : before.lastTransitionTime,
        reason: toReason(draft.reason),
        message: draft.message.slice(0, messageLengthMax),
      },
    ];
  });
}

const messageLengthMax = 2048;

/**
 * Removes characters that a reason must not have. Reasons come from pods, other operators and a ConfigMap that users
 * can edit, but the API server accepts only CamelCase.
 */
function toReason(text: string): string {
  const reason = text.replaceAll(/[^A-Za-z0-9_]/g, '').replace(/^[^A-Za-z]+/, '');
  return reason === '' ? 'Unknown' : reason.slice(0, 128);
}
