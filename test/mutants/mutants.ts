import { loopMutants } from './loopMutants.ts';
import { scalingMutants } from './scalingMutants.ts';

/**
 * Breaks that must never pass unnoticed: each was made by hand once, and the named tests went red. `from` must occur
 * exactly once in the file, so a mutant that no longer fits the code fails loudly instead of testing nothing.
 */
export interface Mutant {
  /** The promise that it breaks. */
  readonly breaks: string;
  readonly file: string;
  readonly from: string;
  readonly to: string;
  /** The test file that must go red, and a part of the test's name. */
  readonly test: { readonly file: string; readonly name: string };
}

const sql = 'services/ledger/migrations/0001_initial.sql';
const books = 'services/ledger/ledger.integration.test.ts';
const owned = 'services/aggregator/partitions.test.ts';
const apply = 'services/aggregator/apply.test.ts';
const operatorApply = 'operator/reconcile/apply.ts';
const operatorTopic = 'operator/reconcile/topic.ts';
const story = 'operator/reconcile/reconcile.integration.test.ts';
const strimzi = 'operator/reconcile/strimzi.integration.test.ts';
const writers = 'operator/reconcile/replicas.test.ts';

export const mutants: readonly Mutant[] = [
  {
    breaks: 'the fence looks at the owner epoch',
    file: sql,
    from: `      AND p.owner_epoch = p_owner_epoch AND p.next_offset = p_first_offset
    FOR NO KEY UPDATE;`,
    to: `      AND p.next_offset = p_first_offset
    FOR NO KEY UPDATE;`,
    test: { file: books, name: 'a claim fences the earlier owner off' },
  },
  {
    breaks: 'the fence looks at the offset',
    file: sql,
    from: `      AND p.owner_epoch = p_owner_epoch AND p.next_offset = p_first_offset
    FOR NO KEY UPDATE;`,
    to: `      AND p.owner_epoch = p_owner_epoch
    FOR NO KEY UPDATE;`,
    test: { file: books, name: 'that begins behind next_offset is fenced off' },
  },
  {
    breaks: 'a claim takes a new token',
    file: sql,
    from: 'SET owner_epoch = p.owner_epoch + 1,',
    to: 'SET owner_epoch = p.owner_epoch,',
    test: { file: books, name: 'a claim fences the earlier owner off' },
  },
  {
    breaks: 'batches are contiguous',
    file: sql,
    from: 'IF v_count < 1 OR v_distinct <> v_count OR v_lowest <> p_first_offset OR v_highest <> p_next_offset - 1',
    to: 'IF v_count < 1',
    test: { file: books, name: 'that skips ahead with the right count' },
  },
  {
    breaks: 'the isolation level is READ COMMITTED',
    file: sql,
    from: `IF current_setting('transaction_isolation') <> 'read committed' THEN`,
    to: 'IF false THEN',
    test: { file: books, name: 'needs READ COMMITTED' },
  },
  {
    breaks: 'conflicts are told by all operands',
    file: sql,
    from: 'WHERE (l.series, l.a, l.b) <> (u.series, u.a, u.b);',
    to: 'WHERE l.series <> u.series;',
    test: { file: books, name: 'gives every record one disposition' },
  },
  {
    breaks: 'totals add only the rows of this batch',
    file: sql,
    from: `      AND l."offset" >= p_first_offset AND l."offset" < p_next_offset
    GROUP BY`,
    to: `      AND l."offset" < p_next_offset
    GROUP BY`,
    test: { file: books, name: 'three racing owners' },
  },
  {
    breaks: 'the conservation law is a constraint',
    file: sql,
    from: 'CHECK (next_offset - first_offset = applied + duplicate + conflict + parked + expired)',
    to: 'CHECK (next_offset >= first_offset)',
    test: { file: books, name: 'refuse any update that breaks the conservation law' },
  },
  {
    breaks: 'one offset is counted once',
    file: sql,
    from: 'CONSTRAINT position_counted_once UNIQUE (log_epoch, partition, "offset")',
    to: 'CONSTRAINT position_counted_once CHECK ("offset" >= 0)',
    test: { file: books, name: 'refuse to count one offset twice' },
  },
  {
    breaks: 'a schema serves one pipeline',
    file: sql,
    from: 'IF (v_pipeline.namespace, v_pipeline.name) <> (p_namespace, p_name) THEN',
    to: 'IF false THEN',
    test: { file: books, name: 'a second pipeline on the same schema' },
  },
  {
    breaks: 'a recount compares totals',
    file: 'services/ledger/ledger.ts',
    from: 'WHERE c.total IS DISTINCT FROM k.total OR c.count IS DISTINCT FROM k.count',
    to: 'WHERE c.count IS DISTINCT FROM k.count',
    test: { file: books, name: 'a recount names the series' },
  },
  {
    breaks: 'a batch that is too large for the log is split',
    file: 'services/calculator/batcher.ts',
    from: "error.outcome === 'tooLarge' && batch.length > 1",
    to: 'false',
    test: { file: 'services/calculator/batcher.test.ts', name: 'a batch that is too large for the log is split' },
  },
  {
    breaks: 'a record that is too large alone is refused as such, not retried',
    file: 'services/calculator/api.ts',
    from: "error instanceof AppendError && error.outcome === 'tooLarge'",
    to: 'false',
    test: { file: 'services/calculator/api.test.ts', name: 'a record that is too large alone' },
  },
  {
    breaks: 'a partition that the topic does not have is refused, not waited for',
    file: 'services/aggregator/waiting.ts',
    from: 'if (partitions !== undefined && unknown !== undefined) {',
    to: 'if (false) {',
    test: { file: 'services/aggregator/waiting.test.ts', name: 'a partition that the topic does not have is refused' },
  },
  {
    breaks: 'what cannot be read is parked, not dropped',
    file: 'services/aggregator/prepare.ts',
    from: 'parked.push(parkedRecord(record, decoded.reason));',
    to: '',
    test: { file: apply, name: 'parks a record with' },
  },
  {
    breaks: 'a record that contradicts itself halts',
    file: 'contract/record.ts',
    from: 'if (!equalBytes(fingerprintOf({ series, a, b }), message.fingerprint)) {',
    to: 'if (false) {',
    test: { file: apply, name: 'halts on a record whose bytes changed' },
  },
  {
    breaks: 'a batch whose outcome is unknown is claimed again and read again',
    file: 'services/aggregator/partitions.ts',
    from: '    else this.#lose(partition, assignment, error);',
    to: "    else return { kind: 'confirmed', nextOffset: batch.firstOffset + BigInt(batch.records.length) };",
    test: { file: owned, name: 'drops the batch when' },
  },
  {
    breaks: 'reading starts at the offset of the books',
    file: 'services/aggregator/partitions.ts',
    from: 'await assignment.readFrom(partition, nextOffset);',
    to: 'await assignment.readFrom(partition, 0n);',
    test: { file: owned, name: 'is claimed only after a proof of membership' },
  },
  {
    breaks: 'only a proven member claims',
    file: 'services/aggregator/partitions.ts',
    from: 'await assignment.proveMembership();',
    to: 'assignment.proveMembership().catch(() => {});',
    test: { file: owned, name: 'is not claimed by a member that cannot prove itself' },
  },
  {
    breaks: 'a batch of an older assignment commits nothing',
    file: 'services/aggregator/partitions.ts',
    from: 'if (owned === undefined || owned.assignment !== assignment)',
    to: 'if (owned === undefined)',
    test: { file: owned, name: 'from an assignment that is over' },
  },
  {
    breaks: 'a log that was seen cut is not read again by itself',
    file: 'services/aggregator/partitions.ts',
    from: 'if (claim.halt !== undefined) return',
    to: 'if (false && claim.halt !== undefined) return',
    test: { file: owned, name: 'whatever the log says later' },
  },
  {
    breaks: 'a halt that the books did not hear of counts at the next claim',
    file: 'services/aggregator/partitions.ts',
    from: 'staysHalted.has(seen.reason) && !this.#written.has(seen)',
    to: 'false',
    test: { file: owned, name: 'could not be told in time' },
  },
  {
    breaks: 'no program moves a partition whose halt stays',
    file: 'services/ledger/migrations/0002_halts.sql',
    from: 'WHEN (OLD.halt_reason IS NOT NULL AND NEW.next_offset <> OLD.next_offset)',
    to: 'WHEN (false)',
    test: { file: books, name: 'lets nobody move on' },
  },
  {
    breaks: 'a halt of any replica is in the verdict of all',
    file: 'services/aggregator/verdict.ts',
    from: '...facts.books.flatMap(({ halt }) => halt ?? []), ',
    to: '',
    test: { file: 'services/aggregator/verdict.test.ts', name: 'another replica' },
  },
  {
    breaks: 'a topic that was counted is not recreated',
    file: 'services/aggregator/reading.ts',
    from: 'isCounted: isKnown,',
    to: 'isCounted: false,',
    test: { file: 'services/aggregator/aggregator.integration.test.ts', name: 'never makes a topic anew' },
  },
  {
    breaks: 'only a domain names a bad record; a CHECK of the books halts',
    file: 'services/ledger/errors.ts',
    from: "code === '23514' && failure.dataType !== undefined;",
    to: "code === '23514';",
    test: { file: 'services/ledger/errors.test.ts', name: 'a counter below zero' },
  },
  {
    breaks: 'the time of a record parks nothing',
    file: 'services/aggregator/prepare.ts',
    from: 'Number.isFinite(ms) ? Math.min(Math.max(ms, 0), timeMax) : 0',
    to: 'ms',
    test: { file: apply, name: 'under one that every store takes' },
  },
  {
    breaks: 'only the acknowledgement of its own partition counts',
    file: 'services/eventlog/produce/acknowledgement.ts',
    from: 'all.filter(({ name, index }) => name === topic && index === partition);',
    to: 'all;',
    test: { file: 'services/eventlog/produce/acknowledgement.test.ts', name: 'the answer of another partition' },
  },
  {
    breaks: 'an answer with an error acknowledges nothing',
    file: 'services/eventlog/produce/acknowledgement.ts',
    from: 'if (own.errorCode !== 0)',
    to: 'if (false)',
    test: { file: 'services/eventlog/produce/acknowledgement.test.ts', name: 'an error code' },
  },
  {
    breaks: 'a partition whose leader hangs is left out',
    file: 'services/calculator/partitionChooser.ts',
    from: 'const isLate = oldest !== undefined && now - oldest.since > this.lateMs;',
    to: 'const isLate = false;',
    test: { file: 'services/calculator/partitionChooser.test.ts', name: 'owes an answer for too long' },
  },
  {
    breaks: 'a batch without an answer is appended again elsewhere',
    file: 'services/calculator/batchWrite.ts',
    from: 'copies >= 0 ? chooser.lateMs * 2 ** copies : this.#backoff()',
    to: 'copies >= 0 ? deadline - now() : this.#backoff()',
    test: { file: 'services/calculator/batchWrite.test.ts', name: 'appended again to a partition of another leader' },
  },
  {
    breaks: 'an older leader epoch changes nothing',
    file: 'services/eventlog/produce/metadata.ts',
    from: 'if (old !== undefined && leaderEpoch < old.epoch) continue;',
    to: '',
    test: { file: 'services/eventlog/produce/metadata.test.ts', name: 'the highest leader epoch wins' },
  },
  {
    breaks: 'an end of the log that was not learnt lately is absent',
    file: 'services/calculator/logEnds.ts',
    from: 'if (at < oldest) this.#forget(partition);',
    to: 'if (at < 0) this.#options.set(partition, 0);',
    test: { file: 'services/calculator/logEnds.test.ts', name: 'never in 0' },
  },
  {
    breaks: 'a call that was answered aborts nothing',
    file: 'services/rpc/calls.ts',
    from: "if (this.#state !== 'waiting') return;",
    to: '',
    test: { file: 'services/rpc/calls.test.ts', name: 'after the answer' },
  },
  {
    breaks: 'an answer never contradicts an earlier one',
    file: 'services/calculator/recent.ts',
    from: 'if (this.find(requestId) !== undefined) return;',
    to: '',
    test: { file: 'services/calculator/recent.test.ts', name: 'the first acknowledgement of an id stays' },
  },
  {
    breaks: 'a batch begins at the offset that comes next',
    file: 'services/eventlog/delivery.ts',
    from: 'if (record.offset !== next) break;',
    to: '',
    test: { file: 'services/eventlog/delivery.test.ts', name: 'batches are contiguous' },
  },
  {
    breaks: 'a place that the log does not hold is not read',
    file: 'services/eventlog/delivery.ts',
    from: 'if (isListed && earliest <= wanted && wanted <= end) return undefined;',
    to: 'if (isListed && earliest <= wanted) return undefined;',
    test: { file: 'services/eventlog/delivery.test.ts', name: 'when the log holds it or ends there' },
  },
  {
    breaks: 'a silent PostgreSQL is not waited for',
    file: 'services/ledger/ledger.ts',
    from: '{ ...config, query_timeout: this.#timeoutMs }',
    to: '{ ...config, query_timeout: 0 }',
    test: { file: books, name: 'an answer that does not come is not waited for' },
  },
  {
    breaks: 'the inventory is written before what it lists',
    file: 'operator/plan/plan.ts',
    from: `    ...planRecord(wanted, input),
    ...changes,`,
    to: `    ...changes,
    ...planRecord(wanted, input),`,
    test: { file: 'operator/plan/plan.test.ts', name: 'are written before anything is created' },
  },
  {
    breaks: "a stranger's object is never adopted",
    file: operatorApply,
    from: 'if (!isOurs(found, owner)) throw nameConflict(child, owner);',
    to: '',
    test: { file: story, name: 'is untouched and named' },
  },
  {
    breaks: "a stranger's object that we met by an accident of time is given back",
    file: operatorApply,
    from: '  await giveBack(object, client);',
    to: '',
    test: { file: story, name: 'made in the moment between our look and our write' },
  },
  {
    breaks: 'what was given back is not taken for ours by the next pass',
    file: operatorApply,
    from: 'const othersFields = managedFields.filter((entry) => !isOurApply(entry));',
    to: 'const othersFields = managedFields;',
    test: { file: strimzi, name: 'given back for good' },
  },
  {
    breaks: 'a deleted pipeline goes, whoever else owns its finalizer',
    file: 'operator/reconcile/record.ts',
    from: 'if (entries.length === 0) return forgetInventory(client, { ref, uid });',
    to: '',
    test: { file: strimzi, name: 'owns the finalizer too' },
  },
  {
    breaks: 'a child is written by its uid',
    file: operatorApply,
    from: 'toRequest(child, uid), asOperator);',
    to: 'toRequest(child), asOperator);',
    test: { file: story, name: 'the uid protects it' },
  },
  {
    breaks: 'what applying does not cure is not applied for ever',
    file: 'operator/reconcile/execute.ts',
    from: '  settled.set(written.metadata.uid, toSettled(desired, written, why));',
    to: '',
    test: { file: story, name: 'rewrites what we apply is asked once' },
  },
  {
    breaks: 'a topic is given back before its KafkaTopic is deleted',
    file: operatorTopic,
    from: 'isReleased(found) ? found : await releaseTopic(client, found);',
    to: 'found;',
    test: { file: strimzi, name: 'gives its topic back with the data kept' },
  },
  {
    breaks: 'a KafkaTopic is deleted only in the version that keeps its topic',
    file: operatorTopic,
    from: 'await client.delete(kafkaTopics, entry, { uid, resourceVersion });',
    to: 'await client.delete(kafkaTopics, entry, { uid });',
    test: { file: strimzi, name: 'taking away what keeps its topic' },
  },
  {
    breaks: "a stranger's KafkaTopic is not deleted",
    file: operatorTopic,
    from: 'if (found === undefined || !isOurs(found, owner)) return false;',
    to: 'if (found === undefined) return false;',
    test: { file: strimzi, name: 'leaves a stranger' },
  },
  {
    breaks: 'a partition that was idle is not taken for stuck',
    file: 'services/aggregator/stillness.ts',
    from: 'if (lag <= 0n) this.#since.delete(partition);\n      else ',
    to: '',
    test: { file: 'services/aggregator/stillness.test.ts', name: 'idle for hours' },
  },
  {
    breaks: 'Kafka hears where a claim begins',
    file: 'services/aggregator/partitions.ts',
    from: '        this.#dashboards.tell(assignment, partition, nextOffset);\n        this.#endPause();',
    to: '        this.#endPause();',
    test: { file: owned, name: 'tells Kafka where a claim begins' },
  },
  {
    breaks: 'a commit for dashboards that failed is made again',
    file: 'services/aggregator/dashboards.ts',
    from: '      this.#tellAgain(assignment, offsets);',
    to: '',
    test: { file: 'services/aggregator/dashboards.test.ts', name: 'a commit that failed is made again' },
  },
  {
    breaks: 'a fixed number waits until no autoscaler is there',
    file: 'operator/reconcile/replicas.ts',
    from: 'return isScaled ? undefined : replicas;',
    to: 'return replicas;',
    test: { file: writers, name: 'not while an HPA is there' },
  },
  {
    breaks: 'a person may scale to 0 under an HPA',
    file: 'operator/reconcile/replicas.ts',
    from: 'if (min === undefined || isScaled) return undefined;',
    to: 'if (min === undefined) return undefined;',
    test: { file: writers, name: '0 under an HPA is what a person wanted' },
  },
  {
    breaks: 'Kafka hears of every partition that came to rest',
    file: 'services/aggregator/dashboards.ts',
    from: '    this.#pending.set(partition, nextOffset);',
    to: '    this.#pending.clear();\n    this.#pending.set(partition, nextOffset);',
    test: { file: 'services/aggregator/dashboards.test.ts', name: 'every partition is told within a second' },
  },
  {
    breaks: 'time that two batches share counts once',
    file: 'services/aggregator/backlogClock.ts',
    from: 'if (this.#inWork === 0) this.#countedTo = this.#now();',
    to: 'this.#countedTo = this.#now();',
    test: { file: 'services/aggregator/backlogClock.test.ts', name: 'time that two batches share counts once' },
  },
  ...loopMutants,
  {
    breaks: 'nothing of a log that was replaced after the fetch is counted',
    file: 'services/aggregator/partitions.ts',
    from: "      if (!(await this.#isSameLog(batch))) return { kind: 'again' };\n",
    to: '',
    test: { file: owned, name: 'counts nothing of a log that was replaced after the fetch' },
  },
  {
    breaks: 'the books know the topic that they count, not only its name',
    file: 'services/ledger/ledger.ts',
    from: 'if (topicId !== undefined) await query(',
    to: 'if (topicId === undefined) await query(',
    test: { file: books, name: 'books without the id of their topic adopt the first' },
  },
  ...scalingMutants,
];
