/**
 * The useful numbers of replicas for a topic: with k partitions for each replica, ceil(partitions / k).
 * 7 replicas of 12 partitions are no better than 6, because some replica still has two.
 */
export function rungsOf(partitions: number): number[] {
  const rungs = new Set<number>();
  for (let each = partitions; each >= 1; each--) rungs.add(Math.ceil(partitions / each));
  return [...rungs].toSorted((one, other) => one - other);
}

/** An HPA without a tolerance of its own ignores differences up to this share. */
const hpaTolerance = 0.1;

/** The rungs that such an HPA reaches from each other: from the top down, each below 1 / 1.1 of the one above it. */
export function reachableRungs(partitions: number): number[] {
  const kept: number[] = [];
  for (const rung of rungsOf(partitions).toReversed()) {
    const above = kept[0];
    if (above === undefined || above / rung > 1 + hpaTolerance + 1e-9) kept.unshift(rung);
  }
  return kept;
}

/**
 * PromQL for the smallest rung that is not below `expr`: the first rung, and the height of every step that is taken.
 */
export function rungStepExpression(expr: string, rungs: readonly number[]): string {
  const [first = 1, ...rest] = rungs;
  const steps = rest.map((rung, index) => {
    const below = rungs[index] ?? first;
    return `${rung - below} * (${expr} > bool ${below})`;
  });
  return `(${[`${first} + 0 * ${expr}`, ...steps].join(' + ')})`;
}
