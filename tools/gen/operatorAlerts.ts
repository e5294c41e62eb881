import { operatorName, operatorNamespace } from '#operator/desired/childKinds.ts';
import { type AlertText, alertRule, group, type RuleGroup } from '#operator/desired/ruleGroup.ts';
import type { operatorMetrics } from '#operator/metrics.ts';
import type { GeneratedFile } from './generatedFile.ts';
import { generatedHeader, toYaml } from './yaml.ts';

type Series = `${keyof typeof operatorMetrics}${'' | '_count'}` | 'up';

/** Selects a series by the labels of the ServiceMonitor in manifests/monitoring. */
function of(name: Series, matchers = ''): string {
  return `${name}{job="${operatorName}"${matchers === '' ? '' : `,${matchers}`}}`;
}

/**
 * Keeps only the leading pod. A standby pod has a queue without workers, and a pod that led earlier still exports old
 * numbers.
 */
const isLeader = `on (pod) (${of('leader_election_master_status')} == 1)`;
const passes = `sum(rate(${of('controller_runtime_reconcile_total')}[15m]))`;
const failed = `sum(rate(${of('controller_runtime_reconcile_total', 'result="retry"')}[15m]))`;

const alerts: Readonly<Record<string, AlertText>> = {
  SumPipelineOperatorNotLeading: {
    expr: `absent(${of('leader_election_master_status')}) or sum(${of('leader_election_master_status')}) < 1`,
    for: '2m',
    severity: 'critical',
    summary: 'No pod of the SumPipeline operator leads',
    description:
      'Changes of SumPipelines have no effect; pipelines continue to count. Check the pods and the Lease of the operator.',
  },
  SumPipelineOperatorNotReconciling: {
    expr:
      `sum((${of('workqueue_depth')} + ${of('workqueue_active_workers')}) and ${isLeader}) > 0 ` +
      `and on () (sum(rate(${of('workqueue_work_duration_seconds_count')}[10m]) and ${isLeader}) == 0)`,
    for: '10m',
    severity: 'critical',
    summary: 'SumPipelines wait, and the operator finishes no pass',
    description:
      'Check the output of the leading pod (kubectl logs). Deleting this pod is safe: the other pod takes over.',
  },
  SumPipelineOperatorFailing: {
    expr: `${failed} / (${passes} > 0) > 0.5`,
    for: '15m',
    severity: 'warning',
    summary: '{{ $value | humanizePercentage }} of the passes of the SumPipeline operator fail',
    description: 'Failed passes are retried. Check the output of the leading pod (kubectl logs) for the cause.',
  },
  SumPipelineStalled: {
    expr: `sum(${of('sumpipeline_operator_pipelines', 'state="stalled"')} and ${isLeader}) > 0`,
    for: '15m',
    severity: 'warning',
    summary: '{{ $value }} SumPipelines are stalled',
    description: 'Run kubectl get sump -A and follow the condition Stalled of each pipeline.',
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

/** Generates manifests/monitoring/prometheusrule.yaml: the alerts about the operator. */
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
