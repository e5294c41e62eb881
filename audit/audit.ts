import type { Books, BooksSnapshot, LogRow } from './books/books.ts';
import { buildResult, type ComparedPartition } from './buildResult.ts';
import { type CompareOptions, closedLog, comparePartition, compareTotals, withEnds } from './comparePartition.ts';
import type { PartitionRow } from './judge/books.ts';
import { judgeExtent } from './judge/counters.ts';
import { Findings } from './judge/findings.ts';
import { type HoleRange, Holes } from './judge/holes.ts';
import type { LogItem } from './judge/log.ts';
import { larger } from './judge/offsets.ts';
import { isFinal, readLog } from './log/read.ts';
import type { Topic, TopicFacts } from './log/topic.ts';
import type { AuditResult } from './result.ts';

export interface AuditOptions {
  readonly books: Books;
  readonly topic: Topic;
  readonly topicName: string;
  /** `namespace/name` of the pipeline to which the tables must belong. */
  readonly pipeline: string;
  /** Key: partition. Value: last offset to compare, plus one. Other partitions are compared up to their next offset. */
  readonly to: ReadonlyMap<number, bigint>;
  /** `retryKafka` repeats failed requests to Kafka. `retryBooks` repeats failed queries to PostgreSQL. */
  readonly retryKafka: CompareOptions['retry'];
  readonly retryBooks: CompareOptions['retry'];
  readonly onProgress: (progress: Progress) => void;
  readonly now: () => Date;
}

export interface Progress {
  readonly partition: number;
  readonly offset: bigint;
  /** Number of offsets compared so far, of all partitions. `all` is the number to compare. */
  readonly done: bigint;
  readonly all: bigint;
}

/** The audit cannot begin. The message says why. */
export class AuditError extends Error {
  override name = 'AuditError';
}

/**
 * Reads the log and the tables in PostgreSQL again and compares them. If it cannot begin, throws AuditError or an error
 * of Kafka or PostgreSQL.
 */
export async function audit(options: AuditOptions): Promise<AuditResult> {
  const { books, topic, retryKafka, retryBooks, now } = options;
  const startedAt = now();
  const snapshot = await retryBooks(() => books.readSnapshot());
  if (snapshot === undefined) throw new AuditError('the schema has no tables of a pipeline: nothing was counted yet');
  if (snapshot.pipeline !== options.pipeline) {
    throw new AuditError(`the schema belongs to pipeline ${snapshot.pipeline}, not to ${options.pipeline}`);
  }
  const current = snapshot.logs.at(-1);
  const facts = await retryKafka(() => topic.readFacts());
  const findings = new Findings();
  const holes = new Holes();
  const ends = chooseEnds(snapshot, current, options.to);
  checkIdentity(current, facts, options.topicName, findings);

  const isSameLog = findings.total === 0;
  const compare: CompareOptions = {
    books,
    findings,
    holes,
    retry: retryBooks,
    onProgress: progressOf(snapshot, options),
  };
  const compared: ComparedPartition[] = [];
  for (const row of snapshot.partitions) {
    const to = ends.get(row) ?? row.nextOffset;
    const log = isSameLog
      ? logOf(row, to, { current, facts, options })
      : closedLog(row, 'unreadable', 'the log changed');
    compared.push({ row, to, tally: await comparePartition(row, log, compare) });
    await compareTotals(row, compare);
  }
  for (const extent of await retryBooks(() => books.readExtents())) judgeExtent(extent, findings);
  if (isSameLog) checkIdentity(current, await retryKafka(() => topic.readFacts()), options.topicName, findings);
  for (const range of holes.listed('cut')) findings.add(holeFinding('LogCut', range));
  for (const range of holes.listed('missing')) findings.add(holeFinding('LogGap', range));
  return buildResult({ snapshot, compared, findings, holes, startedAt, endedAt: now() });
}

/** Chooses the offset up to which each partition of the current log is compared. */
function chooseEnds(
  { partitions }: BooksSnapshot,
  current: LogRow | undefined,
  wanted: ReadonlyMap<number, bigint>,
): Map<PartitionRow, bigint> {
  const ends = new Map<PartitionRow, bigint>();
  for (const [partition, to] of wanted) {
    const row = partitions.find((one) => one.partition === partition && one.logEpoch === current?.logEpoch);
    const reached = row?.nextOffset ?? 0n;
    if (row === undefined || to > reached) {
      throw new AuditError(
        `partition ${partition}: --to names offset ${to - 1n}, but only the offsets below ` +
          `${reached} are counted. Wait, or name a lower offset`,
      );
    }
    ends.set(row, larger(to, row.firstOffset));
  }
  return ends;
}

function checkIdentity(current: LogRow | undefined, facts: TopicFacts, topicName: string, findings: Findings): void {
  if (current === undefined) return;
  const { clusterId, topic, topicId, logEpoch } = current;
  const isSame =
    clusterId === facts.clusterId && topic === topicName && (topicId === undefined || topicId === facts.topicId);
  if (isSame) return;
  const [counted, there] = [
    `topic ${topic}${topicId === undefined ? '' : ` with id ${topicId}`} of Kafka cluster ${clusterId}`,
    `topic ${topicName} with id ${facts.topicId} of Kafka cluster ${facts.clusterId}`,
  ];
  findings.add({ kind: 'LogChanged', logEpoch, message: `the counted log is ${counted}, but the log is ${there} now` });
}

function logOf(
  row: PartitionRow,
  to: bigint,
  { current, facts, options }: { current: LogRow | undefined; facts: TopicFacts; options: AuditOptions },
): AsyncIterable<LogItem> {
  if (row.logEpoch !== current?.logEpoch) return closedLog(row, 'removed', `log epoch ${row.logEpoch} is closed`);
  if (!facts.partitions.includes(row.partition)) return closedLog(row, 'cut', 'Kafka does not list the partition');
  const { topic, retryKafka: retry } = options;
  const { partition, firstOffset: from } = row;
  return withEnds(row, to, readLog({ topic, partition, from, to, retry }), isFinal);
}

function progressOf({ partitions }: BooksSnapshot, { onProgress }: AuditOptions): CompareOptions['onProgress'] {
  const all = partitions.reduce((sum, { firstOffset, nextOffset }) => sum + nextOffset - firstOffset, 0n);
  const places = new Map(partitions.map((row) => [row, row.firstOffset]));
  let done = 0n;
  return (row, offset) => {
    done += offset - (places.get(row) ?? 0n);
    places.set(row, offset);
    onProgress({ partition: row.partition, offset, done, all });
  };
}

function holeFinding(kind: 'LogCut' | 'LogGap', { logEpoch, partition, from, to, rows, reason }: HoleRange) {
  const message = `offsets ${from} to ${to - 1n} are counted, ${rows} of them in the ledger, but ${reason}`;
  return { kind, logEpoch, partition, offset: from.toString(), message };
}
