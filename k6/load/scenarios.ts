/** The load tests as data: how many visits arrive, and what a visit does. k6 and our own driver read the same data. */
export interface LoadScenario {
  /** Text for users: what the scenario shows. */
  readonly purpose: string;
  /** Visits per second at the start. */
  readonly startRate: number;
  /**
   * Stages in order. In each stage the rate of arriving visits changes linearly to `rate` within `seconds`. Visits
   * arrive at this rate even if the service is slow (open model).
   */
  readonly stages: readonly LoadStage[];
  /**
   * Number of users. Each makes one visit at a time. If a visit arrives while no user is free, it is dropped, and
   * counted as dropped.
   */
  readonly users: number;
  readonly mix: LoadMix;
}

interface LoadStage {
  readonly seconds: number;
  readonly rate: number;
}

export interface LoadMix {
  /** Share of additions over gRPC. The others go over HTTP. */
  readonly grpcShare: number;
  /** Number of series of each user, who spreads the additions over them. */
  readonly seriesPerUser: number;
  /** Maximum number of additions of a visit. The minimum is 1. */
  readonly additionsPerVisitMax: number;
  /** Maximum think time between two additions of a visit, in milliseconds. */
  readonly thinkMsMax: number;
  /** Share of acknowledged additions that are sent a second time with the same id. */
  readonly repeatShare: number;
  /** Share of acknowledged additions for which the time until a total counts them is measured. */
  readonly freshnessShare: number;
}

const mix: LoadMix = {
  grpcShare: 0.7,
  seriesPerUser: 3,
  additionsPerVisitMax: 3,
  thinkMsMax: 400,
  repeatShare: 0.05,
  freshnessShare: 0.02,
};

export const loadScenarios = {
  smoke: {
    purpose: 'every part works: a few visits for half a minute',
    startRate: 5,
    stages: [{ seconds: 30, rate: 5 }],
    users: 20,
    mix: { ...mix, freshnessShare: 0.2 },
  },
  load: {
    purpose: 'a normal day: up, steady, down, within the service level objectives',
    startRate: 1,
    stages: [
      { seconds: 60, rate: 100 },
      { seconds: 300, rate: 100 },
      { seconds: 60, rate: 1 },
    ],
    users: 300,
    mix,
  },
  spike: {
    purpose: 'twenty times the load within five seconds, and back',
    startRate: 20,
    stages: [
      { seconds: 60, rate: 20 },
      { seconds: 5, rate: 400 },
      { seconds: 60, rate: 400 },
      { seconds: 5, rate: 20 },
      { seconds: 120, rate: 20 },
    ],
    users: 1000,
    mix,
  },
  soak: {
    purpose: 'two hours of steady load: nothing grows, nothing slows down',
    startRate: 50,
    stages: [{ seconds: 7200, rate: 50 }],
    users: 150,
    mix,
  },
  autoscale: {
    purpose: 'ten times the load for ten minutes: the aggregators scale out and come back',
    startRate: 50,
    stages: [
      { seconds: 180, rate: 50 },
      { seconds: 10, rate: 500 },
      { seconds: 600, rate: 500 },
      { seconds: 10, rate: 50 },
      { seconds: 600, rate: 50 },
    ],
    users: 1500,
    mix,
  },
} as const satisfies Record<string, LoadScenario>;

export type LoadScenarioName = keyof typeof loadScenarios;
export const loadScenarioNames = Object.keys(loadScenarios).filter(isLoadScenarioName);

export function isLoadScenarioName(text: string): text is LoadScenarioName {
  return Object.hasOwn(loadScenarios, text);
}

/**
 * Returns the scenario with other rates and times: `rate` 0.1 sends a tenth, `time` 0.1 takes a tenth of the time.
 */
export function scaleScenario(
  scenario: LoadScenario,
  by: { readonly rate: number; readonly time: number },
): LoadScenario {
  return {
    ...scenario,
    startRate: scenario.startRate * by.rate,
    stages: scenario.stages.map(({ seconds, rate }) => ({ seconds: seconds * by.time, rate: rate * by.rate })),
    users: Math.max(1, Math.ceil(scenario.users * by.rate)),
  };
}

export function durationSeconds({ stages }: LoadScenario): number {
  return stages.reduce((sum, { seconds }) => sum + seconds, 0);
}

/** Returns how many visits have arrived `atSeconds` after the start: the area under the line of the rates. */
export function visitsUntil(
  { startRate, stages }: Pick<LoadScenario, 'startRate' | 'stages'>,
  atSeconds: number,
): number {
  let visits = 0;
  let from = startRate;
  let left = atSeconds;
  for (const { seconds, rate } of stages) {
    if (left <= 0) break;
    const share = seconds === 0 ? 1 : Math.min(1, left / seconds);
    const rateThere = from + (rate - from) * share;
    visits += ((from + rateThere) / 2) * seconds * share;
    left -= seconds;
    from = rate;
  }
  return visits;
}
