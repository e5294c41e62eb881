import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { parse as parseCsv } from 'csv-parse/sync';
import { parse } from 'yaml';
import { z } from 'zod';
import { parseAddition } from '#core/addition.ts';
import { parsePipelineStrictly } from '#operator/api/parse.ts';
import { formatProblems } from '#operator/api/problem.ts';
import { renderPipeline } from '#operator/desired/render.ts';

const folder = join(import.meta.dirname, '..', '..', 'manifests', 'samples');
const read = (name: string) => readFileSync(join(folder, name), 'utf8');

describe('a sample is a valid pipeline that renders', () => {
  for (const name of ['pipeline.yaml', 'pipeline-strimzi.yaml']) {
    test(name, () => {
      const parsed = parsePipelineStrictly(parse(read(name)));
      assert.ok(parsed.ok, parsed.ok ? '' : formatProblems(parsed.problems));
      assert.ok(renderPipeline(parsed.value, { image: 'sumpipeline:test' }).length >= 13);
    });
  }
});

test('every row of the sample additions is valid; the sample has several series, decimals and negatives', () => {
  const rows = z
    .array(z.object({ series: z.string(), a: z.string(), b: z.string() }))
    .parse(parseCsv(read('additions.csv'), { columns: true }));
  const requestId = '0197a0a0-0000-7000-8000-000000000000';
  const additions = rows.map((row) => parseAddition({ requestId, ...row }));
  assert.equal(additions.length, 200);
  assert.ok(new Set(additions.map(({ series }) => series)).size >= 5);
  assert.ok(additions.some(({ a }) => a.startsWith('-')));
  assert.ok(additions.some(({ a }) => a.includes('.')));
  assert.ok(
    additions.some(({ result }) => result.length === 38),
    'one operand has 38 digits',
  );
});
