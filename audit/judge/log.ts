import type { LoggedAddition } from '#audit/record/addition.ts';

/** What stands at one offset of the log, or at none of a range of offsets. */
export type LogItem =
  | { readonly kind: 'addition'; readonly offset: bigint; readonly addition: LoggedAddition }
  /** A record that is no valid addition. The hashes are SHA-256, in hex; undefined: absent. */
  | {
      readonly kind: 'invalid';
      readonly offset: bigint;
      readonly reason: string;
      readonly keyHash: string | undefined;
      readonly valueHash: string | undefined;
    }
  /** A marker of a transaction, or a record of an aborted one. */
  | { readonly kind: 'withheld'; readonly offset: bigint; readonly reason: string }
  | LogHole;

/** Offsets `from` to `to` - 1 have no record that was read. */
export interface LogHole {
  readonly kind:
    | 'removed' // by retention, or in a log of the past
    | 'missing' // compacted, or lost in the middle of the log
    | 'cut' // the log ends before
    | 'unreadable' // there, and cannot be read
    | 'outside'; // not asked for: behind the vector
  readonly from: bigint;
  readonly to: bigint;
  readonly reason: string;
}

export function isHole(item: LogItem): item is LogHole {
  return 'from' in item;
}
