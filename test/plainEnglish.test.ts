import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';

const root = join(import.meta.dirname, '..');

/**
 * Words that made readers stop, with what to write instead. The rule behind the list: short subject, plain verb,
 * standard term, and the cure as an imperative. The test searches everything that a person reads, comments included.
 */
const hardWords: readonly (readonly [pattern: RegExp, write: string])[] = [
  [
    // `nobody` is also a Unix user.
    /\b(?:(?<!user )nobody(?!['"`:])|somebody|anybody|everybody|whoever|strangers?)\b/i,
    'name who is meant: no process, another operator, the caller, a foreign object',
  ],
  [/\banew\b/i, 'again'],
  [/\b(?:lives|lived|dwells?)\b/i, 'is, runs, exists, is kept'],
  [/\b(?:stands|stood)\b/i, 'is, is written, is stuck'],
  [/\bfor ever\b/i, 'forever, or say what ends it'],
  [/\bin vain\b/i, 'without effect'],
  [/\b(?:and|it|which|that|there) is none\b/i, 'does not exist, is not a ...'],
  [/\bperhaps\b/i, 'possibly'],
  [/\b(?:needs?|for|call) (?:a|no) person\b/i, 'say what to do: fix ..., no action needed'],
  [/\*\* Answers\b/, 'Returns'],
];

/**
 * Files that are not searched: generated files repeat their sources, the licence is not ours, this file has the list.
 */
const skipped =
  /^(?:LICENSE|package-lock\.json|contract\/gen\/|crds\/|docs\/reference\/|test\/plainEnglish\.test\.ts)|\.sum$|golden\//;

/** Reads the tracked text files of one folder or file. */
function readTexts(path: string): { file: string; lines: string[] }[] {
  const listed = execFileSync('git', ['ls-files', '-z', '--', path], { cwd: root, encoding: 'utf8' });
  return listed
    .split('\0')
    .filter((file) => file !== '' && !skipped.test(file) && existsSync(join(root, file)))
    .map((file) => ({ file, text: readFileSync(join(root, file), 'utf8') }))
    .filter(({ text }) => !text.includes('\0'))
    .map(({ file, text }) => ({ file, lines: text.split('\n') }));
}

function findHardWords(path: string): string[] {
  return readTexts(path).flatMap(({ file, lines }) =>
    lines.flatMap((line, index) =>
      hardWords.flatMap(([pattern, write]) => {
        const found = pattern.exec(line)?.[0];
        return found === undefined ? [] : [`${file}:${index + 1}: "${found}": write ${write}`];
      }),
    ),
  );
}

const paths = [
  'core',
  'contract',
  'platform',
  'services',
  'kube',
  'operator',
  'audit',
  'cli',
  'lab',
  'tools',
  'test',
  'k6',
  'manifests',
  'docs',
  'tilt',
  'proto',
  '.github',
  '*.md',
  '*.ts',
  'Tiltfile',
  'Dockerfile',
];

describe('plain English', () => {
  for (const path of paths) {
    test(`${path} has none of the words that have to be read twice`, () => {
      assert.deepEqual(findHardWords(path), []);
    });
  }
});
