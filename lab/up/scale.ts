import { join } from 'node:path';
import { childName, defaultTopic, type PipelineRef } from '#contract/names.ts';
import { ports } from '#contract/ports.ts';
import { type Journal, startLoad } from '#lab/load/directLoad.ts';
import { verify } from '#lab/load/verify.ts';
import { type Monitoring, startMonitoring } from '#lab/monitoring/monitoring.ts';
import type { Progress } from '#lab/progress.ts';
import { pause } from '#platform/time.ts';
import type { Kubectl } from './kubectl.ts';
import type { Parts } from './sample.ts';

/** Rates of the load, in additions per second. Each rate lasts long enough for the aggregators to scale. */
const waves = [
  { perSecond: 400, seconds: 150 },
  { perSecond: 4_000, seconds: 240 },
] as const;

export interface ScaleOptions {
  readonly root: string;
  readonly kubeconfig: string;
  readonly dir: string;
  readonly host: string;
  readonly progress: Progress;
}

/** Starts Prometheus, prometheus-operator and prometheus-adapter, with the shipped values. */
export function startScaleMonitoring({ root, kubeconfig, dir, host, progress }: ScaleOptions): Promise<Monitoring> {
  return startMonitoring({
    kubeconfigPath: kubeconfig,
    dir: join(dir, 'monitoring'),
    host,
    valuesPath: join(root, 'manifests', 'prometheus-adapter', 'values.yaml'),
    interval: '5s',
    progress,
  });
}

export interface WaveOptions {
  readonly kubectl: Kubectl;
  readonly ref: PipelineRef;
  readonly parts: Parts;
  readonly progress: Progress;
  readonly signal: AbortSignal;
}

/** Raises and lowers the load until `signal` is aborted, then compares every total with the acknowledged additions. */
export async function playWaves({ kubectl, ref, parts, progress, signal }: WaveOptions): Promise<void> {
  const urlOf = async (component: 'calculator' | 'aggregator') => {
    const service = ['-n', ref.namespace, 'get', 'service', childName.service(ref, component)];
    return `http://${await kubectl.run([...service, '-o', 'jsonpath={.spec.clusterIP}'])}:${ports.http}`;
  };
  const calculatorUrl = await urlOf('calculator');
  const aggregatorUrl = await urlOf('aggregator');
  await using load = await startLoad(parts, { topic: defaultTopic(ref), calculatorUrl });
  for (let turn = 0; !signal.aborted; turn++) {
    const wave = waves[turn % waves.length];
    if (wave === undefined) throw new Error('no wave for this turn');
    progress.note(`Load: ${wave.perSecond} additions per second for ${wave.seconds} s.`);
    load.setRate(wave.perSecond);
    await pause(wave.seconds * 1000, signal);
  }
  await progress.step('Compare the totals with the acknowledged additions', async () => {
    const journal: Journal = await load.finish();
    const { isExact, text } = await verify({ aggregatorUrl }, journal, { mayHaveOthers: true });
    progress.note(isExact ? `Exact: ${text}` : `NOT exact: ${text}`);
    if (!isExact) throw new Error('the totals differ from the acknowledged additions');
  });
}
