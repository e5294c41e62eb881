// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are pieces of code, not templates
import type { Mutant } from './mutant.ts';

const alertTests = 'operator/desired/alertRules.integration.test.ts';

/** Mutants of metrics and alerts. */
export const alertMutants: readonly Mutant[] = [
  {
    breaks: 'a counter begins at 0 for every value of its labels',
    file: 'platform/metrics.ts',
    from: 'for (const series of knownSeries(labels)) counter.inc(series, 0);',
    to: '',
    test: { file: 'platform/admin.test.ts', name: 'a counter begins at 0 for every value of its labels' },
  },
  {
    breaks: 'parked records of every partition are a metric',
    file: 'services/aggregator/watch.ts',
    from: '(sum, one) => sum + one.parked, 0n',
    to: '(_sum, one) => one.parked, 0n',
    test: {
      file: 'services/aggregator/watch.test.ts',
      name: 'exports how many records of the whole pipeline are parked',
    },
  },
  {
    breaks: 'the series of an ended connection are removed with it',
    file: 'services/aggregator/partitions.ts',
    from: '    this.#forgetAll();\n    for (const partition of this.#halts.keys()) metrics',
    to: '    for (const partition of this.#halts.keys()) metrics',
    test: { file: 'services/aggregator/partitions.test.ts', name: 'are removed with the connection' },
  },
  {
    breaks: 'the freshness of a pipeline without traffic is not judged',
    file: 'operator/desired/objectives.ts',
    from: '((${isStale}) and on (pod) (${isCounting}))',
    to: '(${isStale})',
    test: { file: alertTests, name: 'in a pipeline without traffic' },
  },
  {
    breaks: 'an internal error does not count as a response',
    file: 'operator/desired/objectives.ts',
    from: "\n  'internal',",
    to: '',
    test: { file: alertTests, name: 'are measured as shares of the additions' },
  },
  {
    breaks: 'a partition that its aggregator halted is not called stuck or unowned too',
    file: 'operator/desired/alertRules.ts',
    from: ' unless on (partition) (${isHalted})) > 0`,',
    to: ') > 0`,',
    test: { file: alertTests, name: 'SumPipelinePartitionHalted' },
  },
  {
    breaks: 'the end of an unknown certificate is absent',
    file: 'platform/certificateWatch.ts',
    from: 'if (ends.length === 0) remove();',
    to: 'if (ends.length === 0) return;',
    test: { file: 'platform/certificateWatch.test.ts', name: 'without TLS, without secrets and without an answer' },
  },
  {
    breaks: 'the certificate of a removed server is dropped',
    file: 'platform/certificateWatch.ts',
    from: 'if (at < oldest) this.#seen.delete(address);',
    to: 'if (at < 0) this.#seen.delete(address);',
    test: { file: 'platform/certificateWatch.test.ts', name: 'a server that does not answer keeps its end' },
  },
  {
    breaks: 'every certificate of a chain is checked',
    file: 'platform/certificates.ts',
    from: 'one = one.issuerCertificate',
    to: 'one = undefined',
    test: { file: 'platform/certificates.test.ts', name: 'that presents a chain ends with the first' },
  },
  {
    breaks: 'an expired certificate is still reported',
    file: 'platform/certificates.ts',
    from: 'rejectUnauthorized: false',
    to: 'rejectUnauthorized: true',
    test: { file: 'platform/certificates.test.ts', name: 'whose certificate has ended still shows it' },
  },
];
