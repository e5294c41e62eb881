import { graph, type RowOptions } from './panels.ts';
import type { ProcessMetric } from './queries.ts';

/** Builds the row about a dashboard's pods: their processor time, memory and event loop. */
export function processRow(of: (name: ProcessMetric) => string): RowOptions {
  return {
    title: 'Processes',
    panels: [
      graph({
        title: 'Processor time',
        description: 'Processors in use. A process at the limit of its pod is throttled.',
        unit: 'none',
        queries: { '{{pod}}': `sum by (pod) (rate(${of('process_cpu_seconds_total')}[$__rate_interval]))` },
      }),
      graph({
        title: 'Memory',
        description: 'Resident memory. Memory is bounded: unlimited growth is a bug.',
        unit: 'bytes',
        queries: { '{{pod}}': of('process_resident_memory_bytes') },
      }),
      graph({
        title: 'Event loop lag (p99)',
        description: 'How late timers are. Above 0.1 s the process has too little processor time.',
        unit: 's',
        queries: { '{{pod}}': of('nodejs_eventloop_lag_p99_seconds') },
      }),
    ],
  };
}
