import { readProof } from '#lab/load/verify.ts';
import { createPrometheusClient } from '#lab/monitoring/query.ts';
import { readConditions } from '#test/loop/pipeline.ts';
import { rates, type Scenario, untilSteady } from '#test/loop/scenario.ts';

const timeoutSeconds = 420;
const partition = 3;

export const halted: Scenario = {
  name: 'halted',
  purpose: 'one partition halted by a record of a newer version, then ten times the load',
  partitions: 12,
  isHalting: true,
  async play(run) {
    const { lab, pipeline, load, recorder, check } = run;
    const { namespace, name } = pipeline.ref;
    load.setRate(rates.low);
    await untilSteady(run, 20, timeoutSeconds);
    const before = recorder.record.points.at(-1)?.replicas ?? 0;
    recorder.mark(`partition ${partition} halted`);
    await load.halt(partition);
    await recorder.until('the halt to be recorded', timeoutSeconds, ({ lag }) => lag !== undefined);
    recorder.mark(`${rates.high}/s`);
    load.setRate(rates.high);
    const top = await recorder.until(
      'aggregators to be added',
      timeoutSeconds,
      ({ replicas }) => (replicas ?? 0) > before,
    );
    check('the healthy partitions still scale', (top.replicas ?? 0) > before, `${before} -> ${top.replicas}`);
    const series = createPrometheusClient(lab.prometheus.url);
    const named = await series.query(`sumpipeline_partition_halted{namespace="${namespace}",pipeline="${name}"} > 0`);
    const partitions = named.map(({ labels }) => labels['partition']).join(', ');
    check('the halted partition is named', partitions === String(partition), `partition ${partitions}`);
    load.setRate(rates.low);
    recorder.mark(`${rates.low}/s`);
    await recorder.until(
      'the added aggregators to be released',
      timeoutSeconds,
      ({ replicas, ready }) => replicas === before && ready === before,
    );
    const proof = await readProof(pipeline);
    const lags = proof.partitions.map((one) => ({ partition: one.partition, lag: one.logEnd - one.nextOffset }));
    const behind = lags.filter(({ lag }) => lag > BigInt(rates.low * 2)).map((one) => one.partition);
    check(
      'the lag of the halted partition does not count as load: the added aggregators are released',
      behind.join() === String(partition),
      `behind: ${behind.join()}`,
    );
    // A record of a newer version is not counted, so the total is exact. The status names the halted partition.
    check('the total is exact up to the halted record', proof.exact, `${proof.reason}: ${proof.message}`);
    const ready = (await readConditions(lab, pipeline.ref)).find(({ type }) => type === 'Ready');
    check(
      'the status names the halted partition',
      ready?.status === 'False' && ready.message.includes(`partition ${partition}`),
      `${ready?.reason}: ${ready?.message}`,
    );
  },
};
