import { operatorName, operatorNamespace } from '#operator/desired/ownership.ts';
import { type AlertText, alertRule, group, type RuleGroup } from '#operator/desired/ruleGroup.ts';
import type { operatorMetrics } from '#operator/metrics.ts';
import type { GeneratedFile } from './generatedFile.ts';
import { generatedHeader, toYaml } from './yaml.ts';

type Series = `${keyof typeof operatorMetrics}${'' | '_count'}` | 'up';

/** Of the ServiceMonitor in manifests/monitoring. */
function of(name: Series, matchers = ''): string {
  return `${name}{job="${operatorName}"${matchers === '' ? '' : `,${matchers}`}}`;
}

/** A pod that stands by has a queue without workers, and one that led before keeps its last numbers. */
const isLeader = `on (pod) (${of('leader_election_master_status')} == 1)`;
const passes = `sum(rate(${of('controller_runtime_reconcile_total')}[15m]))`;
const failed = `sum(rate(${of('controller_runtime_reconcile_total', 'result="retry"')}[15m]))`;

const alerts: Readonly<Record<string, AlertText>> = {
  SumPipelineOperatorNotLeading: {
    expr: `absent(${of('leader_election_master_status')}) or sum(${of('leader_election_master_status')}) < 1`,
    for: '2m',
    severity: 'critical',
    summary: 'No pod of the SumPipeline operator leads',
    description: 'Changes of SumPipelines have no effect; pipelines go on counting. Look at the pods and the Lease.',
  },
  SumPipelineOperatorNotReconciling: {
    expr:
      `sum((${of('workqueue_depth')} + ${of('workqueue_active_workers')}) and ${isLeader}) > 0 ` +
      `and on () (sum(rate(${of('workqueue_work_duration_seconds_count')}[10m]) and ${isLeader}) == 0)`,
    for: '10m',
    severity: 'critical',
    summary: 'SumPipelines wait, and the operator ends no pass',
    description: 'Look at the log of the pod that leads. Deleting it is safe: the other one takes over.',
  },
  SumPipelineOperatorFailing: {
    expr: `${failed} / (${passes} > 0) > 0.5`,
    for: '15m',
    severity: 'warning',
    summary: '{{ $value | humanizePercentage }} of the passes of the SumPipeline operator fail',
    description: 'The operator retries. The log of the pod that leads says what fails.',
  },
  SumPipelineStalled: {
    expr: `sum(${of('sumpipeline_operator_pipelines', 'state="stalled"')} and ${isLeader}) > 0`,
    for: '15m',
    severity: 'warning',
    summary: '{{ $value }} SumPipelines are stalled until a user acts',
    description: 'Run kubectl get sump -A. The condition Stalled says what to do.',
  },
};

export function buildOperatorAlerts(): RuleGroup[] {
  return [
    group(
      'sumpipeline-operator-alerts',
      Object.entries(alerts).map(([alert, text]) => alertRule(alert, text, {})),
    ),
  ];
}

/** manifests/monitoring/prometheusrule.yaml: who watches the operator. */
export function generateOperatorAlerts(): GeneratedFile[] {
  const rule = {
    apiVersion: 'monitoring.coreos.com/v1',
    kind: 'PrometheusRule',
    metadata: {
      name: operatorName,
      namespace: operatorNamespace,
      labels: { 'app.kubernetes.io/name': operatorName },
    },
    spec: { groups: buildOperatorAlerts() },
  };
  return [{ path: 'manifests/monitoring/prometheusrule.yaml', text: `${generatedHeader}${toYaml(rule)}` }];
}
