import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StatusInput } from './input.ts';
import { buildStatus } from './status.ts';
import { input, rollingOut } from './testing/samples.ts';
import { transitionEvents } from './transitions.ts';

const good = input();
const verdict = (more: Partial<StatusInput['verdict']>) => input({ verdict: { ...good.verdict, ...more } });
const exact = (status: 'True' | 'False' | 'Unknown') =>
  verdict({ exact: { status, reason: 'LawViolated', message: 'm' } });
const kafka = (reason: string) => verdict({ kafka: { ok: false, reason, message: 'm' } });
const stalled = (reason: string) => input({ issues: [{ kind: 'stalled', reason, message: 'm' }] });
const starting = input({ workloads: { calculator: rollingOut, aggregator: rollingOut } });

const table: Record<string, readonly [before: StatusInput | undefined, after: StatusInput, events: readonly string[]]> =
  {
    'no change, no event': [good, good, []],
    'becoming ready': [starting, good, ['Normal Ready']],
    'starting causes no event': [undefined, starting, []],
    'a total that stops being exact': [good, exact('False'), ['Warning TotalNotExact']],
    'the first status has an inexact total': [undefined, exact('False'), ['Normal Ready', 'Warning TotalNotExact']],
    'a total that is exact again': [exact('False'), good, ['Normal TotalExact']],
    'an unknown total causes no event': [good, exact('Unknown'), []],
    'a known total after an unknown one causes no event either': [exact('Unknown'), good, []],
    'Kafka refuses': [good, kafka('AuthenticationFailed'), ['Warning AuthenticationFailed']],
    'Kafka refuses for another reason': [kafka('Unreachable'), kafka('TopicMissing'), ['Warning TopicMissing']],
    'Kafka still refuses': [kafka('Unreachable'), kafka('Unreachable'), []],
    'Kafka has just started': [starting, kafka('GroupLoading'), []],
    'a pipeline becomes stalled': [good, stalled('NameConflict'), ['Warning NameConflict']],
    'a pipeline is still stalled': [stalled('NameConflict'), stalled('NameConflict'), []],
    'a pipeline is stalled for another reason': [stalled('NameConflict'), stalled('Rejected'), ['Warning Rejected']],
    'the store is in use: one event for two conditions': [
      good,
      verdict({ store: { ok: false, reason: 'StoreInUse', message: 'm' } }),
      ['Warning StoreInUse'],
    ],
    'a missing CRD': [
      undefined,
      input({ monitoring: { state: 'crdNotInstalled' } }),
      ['Warning CRDNotInstalled', 'Normal Ready'],
    ],
  };

for (const [what, [before, after, expected]] of Object.entries(table)) {
  test(`${what}: ${expected.join(', ') || 'no event'}`, () => {
    const previous = before === undefined ? undefined : buildStatus(before);
    const events = transitionEvents(previous, buildStatus({ ...after, previous }));
    assert.deepEqual(
      events.map(({ type, reason }) => `${type} ${reason}`),
      expected,
    );
    assert.ok(events.every(({ note }) => note !== ''));
  });
}
