import type { LoggedAddition } from '#audit/record/addition.ts';

/** The content of one offset of the log, or a range of offsets without a record. */
export type LogItem =
  | { readonly kind: 'addition'; readonly offset: bigint; readonly addition: LoggedAddition }
  /** A record that is not a valid addition. The hashes are SHA-256 in hex, undefined if key or value is absent. */
  | {
      readonly kind: 'invalid';
      readonly offset: bigint;
      readonly reason: string;
      readonly keyHash: string | undefined;
      readonly valueHash: string | undefined;
    }
  /** A marker of a transaction, or a record of an aborted transaction. */
  | { readonly kind: 'withheld'; readonly offset: bigint; readonly reason: string }
  | LogHole;

/** No record was read at the offsets `from` to `to` - 1. */
export interface LogHole {
  readonly kind:
    | 'removed' // deleted by retention, or part of a closed log
    | 'missing' // compacted, or lost inside the log
    | 'cut' // the log ends before these offsets
    | 'unreadable' // in the log, but cannot be read
    | 'outside'; // not requested: after the positions of --to
  readonly from: bigint;
  readonly to: bigint;
  readonly reason: string;
}

export function isHole(item: LogItem): item is LogHole {
  return 'from' in item;
}
