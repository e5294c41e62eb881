import type { LiveCondition } from './objects.ts';

/**
 * State of one child:
 * - `ready`: nothing to do and nothing under way;
 * - `progressing`: a controller is working on it; it may become ready by itself;
 * - `failed`: the child reports that it will not become ready without a change.
 */
export interface ChildHealth {
  readonly state: 'ready' | 'progressing' | 'failed';
  /** One CamelCase word. */
  readonly reason: string;
  /**
   * Names the child and quotes its own message. Holds nothing that changes by itself: no counters, ages or back-off
   * times.
   */
  readonly message: string;
}

export function findCondition(
  conditions: readonly LiveCondition[] | undefined,
  type: string,
): LiveCondition | undefined {
  return conditions?.find((condition) => condition.type === type);
}
