import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseKubeconfigFile } from './kubeconfigFile.ts';

const user = (line: string) => `users:\n- name: u\n  user:\n    ${line}\n`;

for (const [name, content, message] of [
  ['an alias', user('password: *hunter2'), 'not YAML: Unresolved alias'],
  ['an escape', user('password: "hunter2\\qhunter2"'), 'not YAML: bad dq escape at line 4, column 23'],
  ['a block', user('password: |hunter2'), 'not YAML: unexpected token at line 4, column 16'],
  ['a tag', user('password: !!hunter2>x y'), undefined],
  ['a directive', `%TAG hunter2\n---\n${user('token: x')}`, undefined],
  ['a merge key', user('<<: hunter2'), 'not YAML: Merge sources must be maps or map aliases'],
  ['a placeholder', user('password: {{hunter2}}'), undefined],
] as const) {
  test(`an error in ${name} quotes no value of the file`, (context) => {
    const warn = context.mock.method(process, 'emitWarning', () => {});
    assert.throws(
      () => parseKubeconfigFile(content, '/config'),
      (error) => {
        assert.ok(error instanceof Error);
        assert.doesNotMatch(error.message, /hunter2/);
        if (message !== undefined) assert.equal(error.message, message);
        return true;
      },
    );
    assert.deepEqual(warn.mock.calls, []);
  });
}
