import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { runScenario, type Sample, stepSeconds } from '#operator/desired/testing/ruleScenario.ts';
import { checkRunbook } from '#operator/desired/testing/runbook.ts';
import { buildOperatorAlerts } from './operatorAlerts.ts';

const groups = buildOperatorAlerts();
const own = 'job="sumpipeline-operator",pod="p0"';
const standby = 'job="sumpipeline-operator",pod="p1"';

/** Makes the metrics of a healthy operator: it leads, its queue is empty, and a pass ends every few seconds. */
function healthy(step: number): Readonly<Record<string, Sample>> {
  return {
    [`leader_election_master_status{${own}}`]: 1,
    [`workqueue_depth{${own},name="sumpipeline"}`]: 0,
    [`workqueue_work_duration_seconds_count{${own},name="sumpipeline"}`]: step * 5,
    [`controller_runtime_reconcile_total{${own},result="done"}`]: step * 5,
    [`controller_runtime_reconcile_total{${own},result="retry"}`]: 0,
    [`workqueue_active_workers{${own},name="sumpipeline"}`]: 0,
    [`sumpipeline_operator_pipelines{${own},state="stalled"}`]: 0,
    // The standby pod fills its queue but processes nothing.
    [`leader_election_master_status{${standby}}`]: 0,
    [`workqueue_depth{${standby},name="sumpipeline"}`]: 4,
    [`workqueue_active_workers{${standby},name="sumpipeline"}`]: 0,
    [`workqueue_work_duration_seconds_count{${standby},name="sumpipeline"}`]: 0,
    [`sumpipeline_operator_pipelines{${standby},state="stalled"}`]: 1,
  };
}

const begin = (10 * 60) / stepSeconds;
/** By the name of an alert: metrics that differ from a healthy operator after minute 10, so that the alert fires. */
const cases: Readonly<Record<string, (step: number) => Readonly<Record<string, Sample>>>> = {
  SumPipelineOperatorNotLeading: () => ({ [`leader_election_master_status{${own}}`]: 0 }),
  SumPipelineOperatorNotReconciling: () => ({
    [`workqueue_depth{${own},name="sumpipeline"}`]: 3,
    [`workqueue_work_duration_seconds_count{${own},name="sumpipeline"}`]: begin * 5,
    [`controller_runtime_reconcile_total{${own},result="done"}`]: begin * 5,
  }),
  SumPipelineOperatorFailing: (step) => ({
    [`controller_runtime_reconcile_total{${own},result="retry"}`]: (step - begin) * 9,
  }),
  SumPipelineStalled: () => ({ [`sumpipeline_operator_pipelines{${own},state="stalled"}`]: 2 }),
};

const firing = (more = '') => `count(ALERTS{alertstate="firing"${more}})`;

describe('an alert of the operator fires, as the only one, and does not fire before', () => {
  test('each has a case', () => {
    const names = groups.flatMap(({ rules }) => rules.flatMap((rule) => ('alert' in rule ? [rule.alert] : [])));
    assert.deepEqual(Object.keys(cases).toSorted(), names.toSorted());
  });

  for (const [alert, change] of Object.entries(cases)) {
    test(alert, async () => {
      const at = (step: number) => ({ ...healthy(step), ...(step > begin ? change(step) : {}) });
      const expect = [
        { minute: 10, expr: firing(), value: undefined },
        { minute: 45, expr: firing(`,alertname="${alert}"`), value: 1 },
        { minute: 45, expr: firing(`,alertname!="${alert}"`), value: undefined },
      ];
      const { ok, output } = await runScenario({ groups, minutes: 45, at, expect });
      assert.ok(ok, output);
    });
  }

  test('no alert in a steady state without a pass for hours', async () => {
    const at = (step: number) => ({
      ...healthy(step),
      [`workqueue_work_duration_seconds_count{${own},name="sumpipeline"}`]: 7,
      [`controller_runtime_reconcile_total{${own},result="done"}`]: 7,
    });
    const { ok, output } = await runScenario({
      groups,
      minutes: 60,
      at,
      expect: [{ minute: 60, expr: firing(), value: undefined }],
    });
    assert.ok(ok, output);
  });

  test('a first pass that hangs', async () => {
    const at = (step: number) => ({
      ...healthy(step),
      [`workqueue_active_workers{${own},name="sumpipeline"}`]: 1,
      [`workqueue_work_duration_seconds_count{${own},name="sumpipeline"}`]: 0,
    });
    const expect = [{ minute: 30, expr: firing(',alertname="SumPipelineOperatorNotReconciling"'), value: 1 }];
    const { ok, output } = await runScenario({ groups, minutes: 30, at, expect });
    assert.ok(ok, output);
  });

  test('a missing operator counts as an operator that does not lead', async () => {
    const expect = [{ minute: 5, expr: firing(',alertname="SumPipelineOperatorNotLeading"'), value: 1 }];
    const { ok, output } = await runScenario({ groups, minutes: 5, at: () => ({ 'up{job="other"}': 1 }), expect });
    assert.ok(ok, output);
  });
});

describe('every alert of the operator', () => {
  for (const rule of groups.flatMap(({ rules }) => rules)) {
    if ('alert' in rule) test(`${rule.alert} has a runbook`, () => checkRunbook(rule));
  }
});
