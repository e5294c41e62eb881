import Table from 'cli-table3';
import type { Played } from './play.ts';

/** Renders the checked promises and the time of each stage, as tables for a terminal. */
export function renderReport(played: readonly Played[]): string {
  const checks = new Table({
    head: ['Scenario', 'Promise', 'Holds', 'Seen'],
    colWidths: [12, 52, 8, 64],
    wordWrap: true,
    style: plain,
  });
  const times = new Table({
    head: ['Scenario', 'Step', 'Recorded', 'Scaled', 'Pods Ready', 'Lag gone'],
    style: plain,
  });
  for (const { scenario, ...one } of played) {
    for (const { promise, holds, seen } of one.checks)
      checks.push([scenario.name, promise, holds ? 'yes' : 'NO', seen]);
    for (const { step, latencies } of one.times) {
      const { recorded, scaled, ready, drained } = latencies;
      times.push([scenario.name, step, ...[recorded, scaled, ready, drained].map(inSeconds)]);
    }
  }
  if (times.length === 0) return `${checks}`;
  return `${checks}\n\nSeconds of each stage, from the end of the one before:\n${times}`;
}

const plain = { head: [], border: [] };

function inSeconds(value: number | undefined): string {
  return value === undefined ? '-' : value.toFixed(1);
}
