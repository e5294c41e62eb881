import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { conditionDocs, eventDocs } from './reasons.ts';

const root = join(import.meta.dirname, '..', '..');

/** Returns the source files of these paths, without tests and without the documentation of reasons. */
function readSources(...paths: string[]): string[] {
  const listed = execFileSync('git', ['ls-files', '-z', '--', ...paths], { cwd: root, encoding: 'utf8' });
  return listed
    .split('\0')
    .filter((file) => /\.(?:ts|sql)$/.test(file) && !/\.test\.ts$|testing\/|reasons\.ts$/.test(file))
    .map((file) => readFileSync(join(root, file), 'utf8'));
}

/** Find a reason as a property, or as the first or second argument of a function that makes reasons. */
const patterns = [
  /\breason: '([A-Z]\w+)'/g,
  /\b(?:isFalse|isUnknown|no|progressing|problem|unknown|notExact|stalled|warning|normal)\(\s*'([A-Z]\w+)'/g,
  /\b(?:failure|event)\(\s*'\w+',\s*'([A-Z]\w+)'/g,
  /\b(?:StalledError|WaitingError|StoreUnavailableError|BooksError|LogUnavailableError)\(\s*'([A-Z]\w+)'/g,
  /ERRCODE = 'SP004', MESSAGE = '(\w+)'/g,
];

const documented = new Set([
  ...Object.values(conditionDocs).flatMap(({ reasons }) => Object.keys(reasons)),
  ...Object.keys(eventDocs),
]);

/** Reasons that never reach a condition. */
const internal = new Set([
  // Error types of the CRD's rules.
  'FieldValueForbidden',
  'FieldValueRequired',
  // An aggregator that has not checked yet reports this. The status shows NotReported or NotAsked instead.
  'Unknown',
  // The aggregator reports it as the halt BooksBroken.
  'ConstraintViolated',
]);

describe('the documentation of reasons', () => {
  const sources = readSources('operator', 'services/aggregator', 'services/ledger', 'services/eventlog');

  test('names every reason that the code gives', () => {
    const given = sources.flatMap((text) =>
      patterns.flatMap((pattern) => [...text.matchAll(pattern)].map(([, reason = '']) => reason)),
    );
    assert.ok(given.length > 80, `only ${given.length} reasons were found: the patterns are wrong`);
    assert.deepEqual(
      [...new Set(given)].filter((reason) => !documented.has(reason) && !internal.has(reason)),
      [],
    );
  });

  test('names no reason that the code does not give', () => {
    const text = sources.join('\n');
    assert.deepEqual(
      [...documented].filter((reason) => !text.includes(`'${reason}'`)),
      [],
    );
  });

  test('says what each reason means and what to do, in whole sentences', () => {
    for (const [type, { meaning, reasons }] of Object.entries(conditionDocs)) {
      for (const text of [meaning, ...Object.values(reasons).flatMap((doc) => [doc.meaning, doc.action])]) {
        assert.match(text, /^[A-Z\w].*\.$/, `${type}: ${text}`);
      }
    }
  });

  test('names no action that the CRD refuses: a field that cannot change needs a new SumPipeline', () => {
    const fixed = /spec\.(?:kafka\.(?:cluster(?!\.listener)|bootstrapServers|topic\.name)|store\.postgres\.schema)/;
    const actions = Object.values(conditionDocs).flatMap(({ reasons }) =>
      Object.values(reasons).map(({ action }) => action),
    );
    const named = actions.filter((action) => fixed.test(action));
    assert.ok(named.length > 2, 'the pattern is wrong');
    assert.deepEqual(
      named.filter((action) => !/create it again|create a new SumPipeline/.test(action)),
      [],
    );
  });
});
