import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = join(import.meta.dirname, '..', '..', '..', 'docs', 'runbooks');

/** Checks that the runbook of an alert has the alert's name and all required headings. */
export function checkRunbook({ alert, annotations }: { alert: string; annotations: { runbook_url: string } }): void {
  assert.equal(annotations.runbook_url.split('/').at(-1), alert);
  const page = readFileSync(join(folder, `${alert}.md`), 'utf8');
  for (const heading of [`# ${alert}\n`, '## What it means', '## Find the cause', '## Fix it'])
    assert(page.includes(heading), `${alert}.md must contain "${heading}"`);
}
