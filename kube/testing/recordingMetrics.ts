import { type RuntimeMetrics, runtimeMetrics } from '#kube/metrics.ts';

/** Creates metrics that a test can read: `count('reflector_lists_total', { resource: 'configmaps' })`. */
export function createRecordingMetrics(): RuntimeMetrics & { count(name: string, labels?: object): number } {
  const values = new Map<string, number>();
  const id = (name: string, labels: object) => `${name} ${JSON.stringify(Object.entries(labels).sort())}`;
  const recording = (name: string) => ({
    inc(labels: object, by = 1) {
      values.set(id(name, labels), (values.get(id(name, labels)) ?? 0) + by);
    },
    set(labels: object, value: number) {
      values.set(id(name, labels), value);
    },
    remove() {},
    observe() {},
    zero() {},
  });
  const metrics = Object.fromEntries(Object.keys(runtimeMetrics).map((name) => [name, recording(name)]));
  return {
    // Every metric of the runtime has labels, so one object can serve as counter, gauge and histogram.
    ...(metrics as unknown as RuntimeMetrics),
    count: (name, labels = {}) => values.get(id(name, labels)) ?? 0,
  };
}
