/**
 * Returns the useful numbers of replicas for a topic, called rungs: ceil(partitions / k) for k = 1, 2, 3 and so on. k
 * is the maximum number of partitions of one replica. For 12 partitions 7 replicas are not better than 6: in both cases
 * some replica has two partitions.
 */
export function rungsOf(partitions: number): number[] {
  const rungs = new Set<number>();
  for (let each = partitions; each >= 1; each--) rungs.add(Math.ceil(partitions / each));
  return [...rungs].toSorted((one, other) => one - other);
}

/** An HPA without the field `tolerance` ignores differences up to this share. */
const hpaTolerance = 0.1;

/**
 * Returns the rungs between which an HPA without `tolerance` can step. From the top down it keeps a rung only if the
 * next higher one is more than 10 % larger.
 */
export function reachableRungs(partitions: number): number[] {
  const kept: number[] = [];
  for (const rung of rungsOf(partitions).toReversed()) {
    const above = kept[0];
    if (above === undefined || above / rung > 1 + hpaTolerance + 1e-9) kept.unshift(rung);
  }
  return kept;
}

/**
 * Returns PromQL for the smallest rung that is at least `expr`. It is a sum: the first rung, and the height of each
 * step whose lower rung is below `expr`.
 */
export function rungStepExpression(expr: string, rungs: readonly number[]): string {
  const [first = 1, ...rest] = rungs;
  const steps = rest.map((rung, index) => {
    const below = rungs[index] ?? first;
    return `${rung - below} * (${expr} > bool ${below})`;
  });
  return `(${[`${first} + 0 * ${expr}`, ...steps].join(' + ')})`;
}
