// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are pieces of code, not templates
import type { Mutant } from './mutant.ts';

const rules = 'operator/desired/scalingRules.ts';
const ruleTests = 'operator/desired/scalingRules.integration.test.ts';

/** Mutants of the recording rules that compute the number of aggregators. */
export const scalingMutants: readonly Mutant[] = [
  {
    breaks: 'lag stays known while no aggregator runs',
    file: rules,
    from: '`${moves} or max by (partition) (last_over_time(${own(series.partitionNextOffset)}[1d]))`',
    to: 'moves',
    test: { file: ruleTests, name: 'without aggregators the lag stays true' },
  },
  {
    breaks: 'a hot partition needs one replica at most',
    file: rules,
    from: '`sum(clamp_max(${own(series.partitionReplicas)}, 1)) - ',
    to: '`sum(${own(series.partitionReplicas)}) - ',
    test: { file: ruleTests, name: 'a hot partition asks for one replica at most' },
  },
  {
    breaks: 'no aggregator is released while lag remains',
    file: rules,
    from: '(${isInHand}) and on () (${isComplete}) and',
    to: '(${isComplete}) and',
    test: { file: ruleTests, name: 'lag that remains keeps the number although the formula asks for fewer' },
  },
  {
    breaks: 'after a gap the whole scale-down window is seen again',
    file: rules,
    from: ' and on () (${isSeen})',
    to: '',
    test: { file: ruleTests, name: 'until the whole scale-down window was seen again' },
  },
  {
    breaks: 'the end of a backlog does not change the measured capacity',
    file: rules,
    from: '${records} / (${isGrowing}) > 0',
    to: '${records} / (${busy()} > ${busySecondsMin}) > 0',
    test: { file: ruleTests, name: 'a backlog that leaves the window does not change the capacity' },
  },
  {
    breaks: 'a fall of the load is one step',
    file: rules,
    from: ' and on () (${isLevel})',
    to: '',
    test: { file: ruleTests, name: 'is followed in one step' },
  },
  {
    breaks: 'a step without effect is not followed by another',
    file: rules,
    from: ' unless on () (${one(series.ineffective)} == 1)',
    to: '',
    test: { file: ruleTests, name: 'a saturated database keeps the number' },
  },
  {
    breaks: 'no second step is made before the pods of the first are at work',
    file: rules,
    from: '(${steady} > ${present}) and on () ${isSettled} ',
    to: '(${steady} > ${present}) ',
    test: { file: ruleTests, name: 'a crash-looping revision keeps the number' },
  },
  {
    breaks: 'a halted partition does not count as load',
    file: rules,
    from: '`sum(${lag} unless ${own(series.partitionExcluded)}) or',
    to: '`sum(${lag}) or',
    test: { file: ruleTests, name: 'a halted partition is no load' },
  },
  {
    breaks: 'the -1 of the Kafka Exporter is not an offset',
    file: rules,
    from: 'max by (partition) (${exporter} >= 0)`',
    to: 'max by (partition) (${exporter})`',
    test: { file: ruleTests, name: 'the Kafka Exporter alone is enough' },
  },
  {
    breaks: 'a number is recorded only when every window is full',
    file: rules,
    from: '`and on () (count_over_time(${own(series.partitions)}[2m]) >= ${fullWindowSamples}) and on () ${partitions}`',
    to: '`and on () ${partitions}`',
    test: { file: ruleTests, name: 'no number is recorded until all windows are full again' },
  },
];
