import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'yaml';
import { adaptConfiguration } from './configuration.ts';

/** A configuration in the format that prometheus-operator 0.93 writes. */
const generated = `
global: {scrape_interval: 5s, external_labels: {prometheus: monitoring/lab, prometheus_replica: $(POD_NAME)}}
rule_files: [/etc/prometheus/rules/prometheus-lab-rulefiles-0/*.yaml]
scrape_configs:
- job_name: serviceMonitor/default/orders-aggregator/0
  honor_labels: false
  kubernetes_sd_configs: [{role: endpointslice, namespaces: {names: [default]}}]
  relabel_configs: [{source_labels: [__tmp_hash], regex: "$(SHARD);|.+;.+", action: keep}]
`;

test('only discovery, the path of the rules and the placeholders differ from what prometheus-operator generated', () => {
  const rules = { 'one.yaml': 'groups: []' };
  const adapted = adaptConfiguration({ main: generated, rules });
  const expected = parse(generated);
  expected.global.external_labels.prometheus_replica = 'prometheus-lab-0';
  expected.rule_files = ['rules/*.yaml'];
  const [job] = expected.scrape_configs;
  delete job.kubernetes_sd_configs;
  job.file_sd_configs = [{ files: ['targets/default.json'] }];
  job.relabel_configs[0].regex = '0;|.+;.+';
  assert.deepEqual(parse(adapted.main), expected);
  assert.equal(adapted.rules, rules);
});

test('a job without namespaces reads the targets of all namespaces', () => {
  const main = 'scrape_configs: [{job_name: a, kubernetes_sd_configs: [{role: endpointslice}]}]';
  const [job] = parse(adaptConfiguration({ main, rules: {} }).main).scrape_configs;
  assert.deepEqual(job.file_sd_configs, [{ files: ['targets/*.json'] }]);
});
