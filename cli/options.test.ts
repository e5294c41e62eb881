import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runSumctl } from './testing/context.ts';

const empty: [args: string[], option: string][] = [
  [['validate', '-f', ''], '--file'],
  [['validate', '-f', 'x.yaml', '--kubeconfig', ''], '--kubeconfig'],
  [['render', '-f', ''], '--file'],
  [['render', '-f', 'x.yaml', '-n', ''], '--namespace'],
  [['render', '-f', 'x.yaml', '--image', ''], '--image'],
  [['add', '--file', ''], '--file'],
  [['add', '--file', 'x.csv', '--rejects', ''], '--rejects'],
  [['add', '1', '2', '--series', ''], '--series'],
  [['add', '1', '2', '--id', ''], '--id'],
  [['add', '1', '2', '--calculator-url', ''], '--calculator-url'],
  [['total', '-p', ''], '--pipeline'],
  [['status', '--context', ''], '--context'],
  [['verify', '--aggregator-url', ''], '--aggregator-url'],
];

for (const [args, option] of empty) {
  test(`sumctl ${args.map((arg) => arg || "''").join(' ')} is refused with the name of the option: 2`, async () => {
    const ran = await runSumctl(args);
    assert.deepEqual(ran, { exitCode: 2, stdout: '', stderr: `error: ${option} must not be empty\n` });
  });
}

for (const args of [
  ['validate', '-f', 'x.yaml', '-n', 'A B'],
  ['render', '-f', 'x.yaml', '-n', 'a/b'],
  ['total', '-n', '-x'],
]) {
  test(`sumctl ${args.join(' ')} is refused, because it is not a valid namespace name: 2`, async () => {
    const ran = await runSumctl(args);
    assert.equal(ran.exitCode, 2);
    assert.match(ran.stderr, /^error: --namespace must be the name of a namespace: at most 63 lower-case letters/);
  });
}
