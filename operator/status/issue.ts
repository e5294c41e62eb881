/**
 * Why a pass could not do all its work. The kind says what happens next:
 * - `stalled`: a user must fix the problem. A retry alone does not help.
 * - `waiting`: another object must change first. A watch or a timer starts the next pass.
 * - `retry`: a retry may succeed. The controller retries with growing waits.
 */
export interface Issue {
  readonly kind: 'stalled' | 'waiting' | 'retry';
  /** Reason for a condition, as one CamelCase word. */
  readonly reason: string;
  /** What was seen, on which object, and what to do next. */
  readonly message: string;
}

const kinds = ['stalled', 'waiting', 'retry'] as const;

/** Returns the issue to show: a stalled one first, then a waiting one. Undefined if the list is empty. */
export function worstIssue(issues: readonly Issue[]): Issue | undefined {
  return kinds.map((kind) => issues.find((issue) => issue.kind === kind)).find((issue) => issue !== undefined);
}
