import type { KubeClient } from '#kube/client/client.ts';
import type { KubeObject, Live, Resource } from '#kube/client/object.ts';
import type { Clock } from '#kube/clock.ts';
import type { RuntimeMetrics } from '#kube/metrics.ts';
import type { Logger } from '#platform/log.ts';
import { microTime } from './lease.ts';

/** An event for users. */
export interface EventRecord {
  /** The object that the event is about. `kubectl describe` of this object shows the event. */
  readonly regarding: Live;
  readonly type: 'Normal' | 'Warning';
  /** One CamelCase word for programs, like the reason of a condition. */
  readonly reason: string;
  /** What was done or tried, as a verb in CamelCase. */
  readonly action: string;
  /** Text for users, cut at 1,000 bytes. A repeated event must have the same text: otherwise it is another event. */
  readonly note: string;
}

export interface RecorderOptions {
  readonly client: KubeClient;
  /** Name of the controller, such as `sumpipeline.dev/operator`. */
  readonly reportingController: string;
  /** Name of the pod. */
  readonly reportingInstance: string;
  readonly clock: Clock;
  /** Returns a random number in [0, 1). It makes the names of events unique. */
  readonly random: () => number;
  readonly logger: Logger;
  readonly metrics: RuntimeMetrics;
}

export interface Recorder {
  /** Records an event. Never throws and never waits: an event that cannot be sent is counted, logged and dropped. */
  record(event: EventRecord): void;
  /** Resolves when all events accepted so far were sent or dropped. Each event takes at most 5 s. */
  flush(): Promise<void>;
}

interface KubeEvent extends KubeObject {
  type: string;
  reason: string;
  action: string;
  note: string;
  eventTime: string;
  reportingController: string;
  reportingInstance: string;
  regarding: {
    apiVersion: string;
    kind: string;
    namespace?: string;
    name: string;
    uid: string;
    resourceVersion: string;
  };
  series?: { count: number; lastObservedTime: string };
}

export const events: Resource<KubeEvent> = {
  group: 'events.k8s.io',
  version: 'v1',
  kind: 'Event',
  plural: 'events',
  namespaced: true,
};

/**
 * Creates a recorder of events.k8s.io/v1 Events. A repeated event only raises the count in `series` of the first
 * Event. Each object may have 25 Events at once, and one more per five minutes, as in client-go. At most 100 Events
 * wait to be sent.
 */
export function createRecorder(options: RecorderOptions): Recorder {
  const { clock, metrics, logger } = options;
  const seriesByText = new Map<string, Series>();
  const budgets = new Map<string, { tokens: number; atMs: number }>();
  let pending = 0;
  let tail: Promise<void> = Promise.resolve();

  function enqueue(event: EventRecord, send: () => Promise<void>): boolean {
    if (pending >= pendingMax) {
      metrics.events_recorded_total.inc({ outcome: 'dropped' });
      return false;
    }
    pending += 1;
    tail = tail.then(send).then(
      () => {
        pending -= 1;
      },
      (error: unknown) => {
        pending -= 1;
        metrics.events_recorded_total.inc({ outcome: 'failed' });
        const { namespace, name } = event.regarding.metadata;
        logger.warn(
          { error, namespace, name, reason: event.reason },
          'an event could not be written to the API server',
        );
      },
    );
    return true;
  }

  function hasBudget(uid: string, nowMs: number): boolean {
    const budget = budgets.get(uid) ?? { tokens: eventsBurst, atMs: nowMs };
    budgets.delete(uid);
    const tokens = Math.min(eventsBurst, budget.tokens + (nowMs - budget.atMs) / eventRefillMs);
    remember(budgets, uid, { tokens: tokens >= 1 ? tokens - 1 : tokens, atMs: nowMs });
    return tokens >= 1;
  }

  function begin(event: EventRecord, text: string, nowMs: number): void {
    if (!hasBudget(event.regarding.metadata.uid, nowMs)) {
      metrics.events_recorded_total.inc({ outcome: 'suppressed' });
      return;
    }
    const object = buildEvent(event, options);
    const series: Series = { object, count: 1, seenAtMs: nowMs, sentAtMs: nowMs };
    const isAccepted = enqueue(event, async () => {
      await options.client.create(events, object, {
        fieldManager: options.reportingController,
        timeoutMs: sendTimeoutMs,
      });
      metrics.events_recorded_total.inc({ outcome: 'created' });
    });
    if (isAccepted) remember(seriesByText, text, series);
  }

  function repeat(event: EventRecord, series: Series, nowMs: number): void {
    series.count += 1;
    series.seenAtMs = nowMs;
    if (nowMs - series.sentAtMs < seriesPeriodMs) {
      metrics.events_recorded_total.inc({ outcome: 'suppressed' });
      return;
    }
    series.sentAtMs = nowMs;
    const patch = { series: { count: series.count, lastObservedTime: microTime(clock.wallMs()) } };
    enqueue(event, async () => {
      await options.client.mergePatch(events, series.object.metadata, patch, {
        fieldManager: options.reportingController,
        timeoutMs: sendTimeoutMs,
      });
      metrics.events_recorded_total.inc({ outcome: 'repeated' });
    });
  }

  return {
    record(event) {
      const nowMs = clock.monotonicMs();
      const text = JSON.stringify([event.regarding.metadata.uid, event.type, event.reason, event.action, event.note]);
      const series = seriesByText.get(text);
      if (series !== undefined && nowMs - series.seenAtMs < seriesLifeMs) repeat(event, series, nowMs);
      else begin(event, text, nowMs);
    },
    flush: () => tail,
  };
}

interface Series {
  readonly object: KubeEvent;
  count: number;
  seenAtMs: number;
  sentAtMs: number;
}

const pendingMax = 100;
const eventsBurst = 25;
const eventRefillMs = 300_000;
/**
 * If an event is not repeated within this time, ms, its next occurrence makes a new Event. The time is half an hour,
 * because the API server deletes an Event after an hour: the Event must still exist when its count is raised.
 */
const seriesLifeMs = 1_800_000;
/**
 * Minimum time between two writes of one Event. A pass that fails every few seconds must not write every few seconds.
 */
const seriesPeriodMs = 300_000;
const sendTimeoutMs = 5_000;
/** Maximum number of event texts, and of objects, that the recorder remembers. Each takes about 1 KiB of memory. */
const rememberedMax = 500;

/** Sets an entry. If the map has too many entries, removes the oldest one. */
function remember<V>(map: Map<string, V>, key: string, value: V): void {
  map.delete(key);
  map.set(key, value);
  const oldest = map.keys().next();
  if (map.size > rememberedMax && oldest.done !== true) map.delete(oldest.value);
}

function buildEvent(event: EventRecord, options: RecorderOptions): KubeEvent {
  const { regarding } = event;
  const { namespace, name, uid, resourceVersion } = regarding.metadata;
  const wallMs = options.clock.wallMs();
  const suffix = `${wallMs.toString(16)}${Math.floor(options.random() * 2 ** 32)
    .toString(16)
    .padStart(8, '0')}`;
  return {
    apiVersion: 'events.k8s.io/v1',
    kind: 'Event',
    // By convention events about cluster-scoped objects are in namespace `default`.
    metadata: { namespace: namespace ?? 'default', name: `${name.slice(0, 200)}.${suffix}` },
    type: event.type,
    reason: event.reason.slice(0, 128),
    action: event.action.slice(0, 128),
    note: cut(event.note, 1000),
    eventTime: microTime(wallMs),
    reportingController: options.reportingController,
    reportingInstance: options.reportingInstance.slice(0, 128),
    regarding: {
      apiVersion: regarding.apiVersion,
      kind: regarding.kind,
      ...(namespace === undefined ? {} : { namespace }),
      name,
      uid,
      resourceVersion,
    },
  };
}

/** Cuts a text to a number of bytes. The server refuses notes above 1 KiB of UTF-8. */
function cut(text: string, bytesMax: number): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= bytesMax) return text;
  return `${bytes
    .subarray(0, bytesMax - 4)
    .toString('utf8')
    .replace(/\uFFFD+$/, '')}…`;
}
