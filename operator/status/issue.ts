/**
 * Why a pass did not reach its end, by what happens next:
 * - `stalled`: a user must fix something; a retry alone does not help;
 * - `waiting`: something else must happen first; a watch or a timer starts the next pass;
 * - `retry`: a retry may succeed; with growing waits.
 */
export interface Issue {
  readonly kind: 'stalled' | 'waiting' | 'retry';
  /** One CamelCase word. */
  readonly reason: string;
  /** What was seen, on which object, and what to do next. */
  readonly message: string;
}

const kinds = ['stalled', 'waiting', 'retry'] as const;

/** The issue to show first. */
export function worstIssue(issues: readonly Issue[]): Issue | undefined {
  return kinds.map((kind) => issues.find((issue) => issue.kind === kind)).find((issue) => issue !== undefined);
}
