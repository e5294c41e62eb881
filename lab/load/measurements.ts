import { type LoadMetricName, loadMetricNames, loadMetrics } from '#k6/load/measures.ts';

/**
 * Ratio of the values of two neighbouring buckets. It limits the error of a percentile to one percent, and an hour of
 * load needs only a few thousand buckets.
 */
const trendPrecision = 1.01;
const percentiles = [50, 90, 95, 99] as const;

type Statistics = Readonly<Record<string, number>>;

/** Collects the measurements of a load test, in bounded memory, and returns k6's statistics of them. */
export class Measurements {
  readonly #sums = new Map<LoadMetricName, { count: number; sum: number }>();
  /** Number of measurements in each bucket, by metric. The bucket of a value is its rounded logarithm. */
  readonly #trends = new Map<LoadMetricName, Map<number, number>>();
  #dropped = 0;

  add(name: LoadMetricName, value: number): void {
    const { count, sum } = this.#sums.get(name) ?? { count: 0, sum: 0 };
    this.#sums.set(name, { count: count + 1, sum: sum + value });
    if (loadMetrics[name].kind !== 'trend') return;
    const buckets = this.#trends.get(name) ?? new Map<number, number>();
    this.#trends.set(name, buckets);
    const bucket = bucketOf(value);
    buckets.set(bucket, (buckets.get(bucket) ?? 0) + 1);
  }

  /** Counts a visit that found no free user. */
  drop(): void {
    this.#dropped += 1;
  }

  statistics(): Readonly<Record<string, Statistics>> {
    const measured = loadMetricNames.flatMap((name) => {
      const { count, sum } = this.#sums.get(name) ?? { count: 0, sum: 0 };
      return count === 0 ? [] : [[name, this.#statisticsOf(name, count, sum)] as const];
    });
    return { ...Object.fromEntries(measured), dropped_iterations: { count: this.#dropped } };
  }

  #statisticsOf(name: LoadMetricName, count: number, sum: number): Statistics {
    switch (loadMetrics[name].kind) {
      case 'counter':
        return { count: sum };
      case 'rate':
        return { rate: sum / count, count };
      case 'trend':
        return { count, avg: sum / count, ...this.#percentilesOf(name, count) };
      default:
        return loadMetrics[name] satisfies never;
    }
  }

  #percentilesOf(name: LoadMetricName, count: number): Statistics {
    const buckets = [...(this.#trends.get(name) ?? [])].toSorted(([left], [right]) => left - right);
    return Object.fromEntries(
      percentiles.map((percentile) => {
        let seen = 0;
        const found = buckets.find(([, times]) => {
          seen += times;
          return seen >= (count * percentile) / 100;
        });
        return [`p(${percentile})`, found === undefined ? 0 : middleOf(found[0])];
      }),
    );
  }
}

/** Returns the bucket of a value. Times below 0.01 ms share one bucket, because the clock is not more accurate. */
function bucketOf(value: number): number {
  return Math.round(Math.log(Math.max(value, 0.01)) / Math.log(trendPrecision));
}

function middleOf(bucket: number): number {
  return trendPrecision ** bucket;
}
