import type { RuntimeMetrics } from '#operator/runtime/metrics.ts';

/** Counts by name and labels: `count('reflector_lists_total', { resource: 'configmaps' })`. */
export function createRecordingMetrics(): RuntimeMetrics & { count(name: string, labels?: object): number } {
  const values = new Map<string, number>();
  const id = (name: string, labels: object) => `${name} ${JSON.stringify(Object.entries(labels).sort())}`;
  return {
    increment(name, labels = {}, by = 1) {
      values.set(id(name, labels), (values.get(id(name, labels)) ?? 0) + by);
    },
    set(name, value, labels = {}) {
      values.set(id(name, labels), value);
    },
    observe() {},
    count: (name, labels = {}) => values.get(id(name, labels)) ?? 0,
  };
}
