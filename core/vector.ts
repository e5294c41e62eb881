/** The position of an addition in the log. Offsets are 64 bit, so they are bigint everywhere. */
export interface Position {
  readonly partition: number;
  readonly offset: bigint;
  /** Log epoch: the number of the log, from 1. 0 means the current log. */
  readonly logEpoch: number;
}

/** Maximum number of positions in a vector: one per partition. The operator makes no topic with more partitions. */
export const vectorPositionsMax = 1024;

const positionPattern = /^(?:(\d{1,9})\/)?(\d{1,9}):(\d{1,18})$/;

/** Parses `partition:offset,partition:offset`. A position of an older log is `logEpoch/partition:offset`. */
export function parseVector(text: string): { ok: true; value: Position[] } | { ok: false; problem: string } {
  if (text === '') return { ok: true, value: [] };
  const parts = text.split(',');
  if (parts.length > vectorPositionsMax) {
    return { ok: false, problem: `names ${parts.length} positions; at most ${vectorPositionsMax} are allowed` };
  }
  const value: Position[] = [];
  for (const part of parts) {
    const match = positionPattern.exec(part);
    if (match === null) {
      return {
        ok: false,
        problem: `must be positions such as "0:41,3:7" (partition:offset), not "${part.slice(0, 40)}"`,
      };
    }
    value.push({ logEpoch: Number(match[1] ?? 0), partition: Number(match[2]), offset: BigInt(match[3] ?? 0) });
  }
  return { ok: true, value };
}

export function formatVector(vector: readonly Position[]): string {
  return vector.map(formatPosition).join(',');
}

export function formatPosition(position: Position): string {
  const prefix = position.logEpoch > 1 ? `${position.logEpoch}/` : '';
  return `${prefix}${position.partition}:${position.offset}`;
}
