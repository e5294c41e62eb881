import type { Mutant } from './mutant.ts';

/**
 * Mutants of the configuration and the service discovery of Prometheus, and of the code that reads the record of a
 * scenario.
 */
export const loopMutants: readonly Mutant[] = [
  {
    breaks: 'the placeholders of the pod are filled in, or no target is kept',
    file: 'lab/monitoring/configuration.ts',
    from: 'text = text.replaceAll(placeholder, value)',
    to: 'text = text.replaceAll(value, value)',
    test: { file: 'lab/monitoring/configuration.test.ts', name: 'only discovery, the path of the rules' },
  },
  {
    breaks: 'a target has the labels of its Service',
    file: 'lab/monitoring/discovery.ts',
    from: "...metaLabels('service', labelsOfService),",
    to: '',
    test: { file: 'lab/monitoring/discovery.test.ts', name: 'an endpoint of a pod becomes a target' },
  },
  {
    breaks: 'a missing value is not a change of the replicas',
    file: 'test/loop/timeline.ts',
    from: 'if (value === undefined) continue;',
    to: '',
    test: { file: 'test/loop/timeline.test.ts', name: 'changes are those inside the given time' },
  },
  {
    breaks: 'a stage is timed to the last rise, not to the release after it',
    file: 'test/loop/timeline.ts',
    from: 'scalings.findLast((change) => change.to > change.from) ?? scalings.at(-1)',
    to: 'scalings.at(-1)',
    test: { file: 'test/loop/timeline.test.ts', name: 'each stage of a step is timed' },
  },
];
