import type { LiveCondition } from './objects.ts';

/**
 * State of one child:
 * - `ready`: no action is needed, and no change is in progress.
 * - `progressing`: a controller works on the child. The child may become ready by itself.
 * - `failed`: the child reports that it does not become ready without a change.
 */
export interface ChildHealth {
  readonly state: 'ready' | 'progressing' | 'failed';
  /** Reason for a condition, as one CamelCase word. */
  readonly reason: string;
  /**
   * Names the child and quotes the message that the child reports. Has no counter, age or back-off time: the status
   * must not change by itself.
   */
  readonly message: string;
}

export function findCondition(
  conditions: readonly LiveCondition[] | undefined,
  type: string,
): LiveCondition | undefined {
  return conditions?.find((condition) => condition.type === type);
}
