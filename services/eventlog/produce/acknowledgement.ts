import { AppendError, type AppendedBatch } from '#services/eventlog/port.ts';

/** The used part of a Produce response. Offsets and times are -1 if the broker does not know them. */
export interface ProduceAnswer {
  readonly responses: readonly {
    readonly name: string;
    readonly partitionResponses: readonly {
      readonly index: number;
      readonly errorCode: number;
      readonly baseOffset: bigint;
      readonly logAppendTimeMs: bigint;
    }[];
  }[];
}

/**
 * Returns the acknowledgement of the requested partition, or throws AppendError. A request is for one partition, so the
 * response must have exactly this partition.
 */
export function acknowledged(answer: ProduceAnswer, topic: string, partition: number): AppendedBatch {
  const all = answer.responses.flatMap(({ name, partitionResponses }) =>
    partitionResponses.map((response) => ({ name, ...response })),
  );
  const [own] = all.filter(({ name, index }) => name === topic && index === partition);
  if (own === undefined || all.length !== 1) {
    throw new AppendError(`the broker's response lacks the acknowledgement of partition ${partition}`);
  }
  if (own.errorCode !== 0) throw new AppendError(`partition ${partition} returned error ${own.errorCode}`);
  if (own.baseOffset < 0n) throw new AppendError(`partition ${partition} acknowledged without an offset`);
  const appendedAt = Number(own.logAppendTimeMs);
  return { partition, baseOffset: own.baseOffset, appendedAt: appendedAt >= 0 ? appendedAt : undefined };
}
