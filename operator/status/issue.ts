/**
 * Why a pass did not reach its end, by what happens next:
 * - `stalled`: a person must act; nothing gets better by trying again;
 * - `waiting`: something else must happen first; a watch tells, or we look again after a time;
 * - `retry`: it may work the next time; with growing waits.
 */
export interface Issue {
  readonly kind: 'stalled' | 'waiting' | 'retry';
  /** One CamelCase word. */
  readonly reason: string;
  /** What was seen, on which object, and what to do next. */
  readonly message: string;
}

const kinds = ['stalled', 'waiting', 'retry'] as const;

/** The one that a person should read first. */
export function worstIssue(issues: readonly Issue[]): Issue | undefined {
  return kinds.map((kind) => issues.find((issue) => issue.kind === kind)).find((issue) => issue !== undefined);
}
