import type { LoadSummary, SummaryCheck } from './summary.ts';

export function formatJson(summary: LoadSummary): string {
  return `${JSON.stringify(summary, undefined, 2)}\n`;
}

export function formatText({ scenario, runId, seed, passed, checks }: LoadSummary): string {
  const lines = checks.map(
    (check) => `${check.passed ? 'ok    ' : 'FAILED'} ${check.name}: ${show(check)} (${check.why})`,
  );
  return [`Load test ${scenario}, run ${runId}, seed ${seed}`, ...lines, passed ? 'PASSED' : 'FAILED', ''].join('\n');
}

export function formatJunit({ scenario, checks }: LoadSummary): string {
  const failures = checks.filter(({ passed }) => !passed).length;
  const cases = checks.map((check) => {
    const open = `  <testcase classname="load.${escapeMarkup(scenario)}" name="${escapeMarkup(check.name)}"`;
    return check.passed
      ? `${open}/>`
      : `${open}>\n    <failure message="${escapeMarkup(`${check.why}: ${show(check)}`)}"/>\n  </testcase>`;
  });
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuite name="load.${escapeMarkup(scenario)}" tests="${checks.length}" failures="${failures}">`,
    ...cases,
    '</testsuite>',
    '',
  ].join('\n');
}

export function formatHtml({ scenario, runId, seed, passed, checks, metrics }: LoadSummary): string {
  const checkRows = checks.map(
    (check) =>
      `<tr class="${check.passed ? 'ok' : 'failed'}"><td>${check.passed ? 'ok' : 'FAILED'}</td>` +
      `<td>${escapeMarkup(check.name)}</td><td>${show(check)}</td><td>${escapeMarkup(check.why)}</td></tr>`,
  );
  const metricRows = Object.entries(metrics).flatMap(([name, values]) =>
    Object.entries(values).map(
      ([statistic, value]) =>
        `<tr><td>${escapeMarkup(name)}</td><td>${escapeMarkup(statistic)}</td><td>${round(value)}</td></tr>`,
    ),
  );
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Load test ${escapeMarkup(scenario)}</title>
<style>
body { font-family: system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; color: #1c2733; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0 2rem; }
th, td { text-align: left; padding: 0.4rem 0.6rem; border-bottom: 1px solid #d8dee6; }
.ok td:first-child { color: #1a7f37; }
.failed td:first-child { color: #b42318; font-weight: bold; }
</style>
</head>
<body>
<h1>Load test ${escapeMarkup(scenario)}: ${passed ? 'passed' : 'FAILED'}</h1>
<p>Run ${escapeMarkup(runId)}, seed ${seed}</p>
<table><tr><th></th><th>Check</th><th>Measured</th><th>Why</th></tr>
${checkRows.join('\n')}
</table>
<table><tr><th>Metric</th><th>Statistic</th><th>Value</th></tr>
${metricRows.join('\n')}
</table>
</body>
</html>
`;
}

function show({ measured }: SummaryCheck): string {
  return measured === undefined ? 'not measured' : round(measured);
}

function round(value: number): string {
  return String(Math.round(value * 10_000) / 10_000);
}

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

function escapeMarkup(text: string): string {
  return text.replaceAll(/[&<>"]/g, (character) => entities[character] ?? character);
}
