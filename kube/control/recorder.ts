import type { KubeClient } from '#kube/client/client.ts';
import type { KubeObject, Live, Resource } from '#kube/client/object.ts';
import type { Clock } from '#kube/clock.ts';
import type { RuntimeMetrics } from '#kube/metrics.ts';
import type { Logger } from '#platform/log.ts';
import { microTime } from './lease.ts';

/** What happened, for `kubectl describe`. */
export interface EventRecord {
  /** The object it is shown at. */
  readonly regarding: Live;
  readonly type: 'Normal' | 'Warning';
  /** CamelCase, machine-readable, like a condition's reason. */
  readonly reason: string;
  /** CamelCase verb: what was done or tried. */
  readonly action: string;
  /** For users; cut at 1,000 bytes. The same event must have the same text, so that repetitions are recognised. */
  readonly note: string;
}

export interface RecorderOptions {
  readonly client: KubeClient;
  /** `sumpipeline.dev/operator`. */
  readonly reportingController: string;
  /** The pod's name. */
  readonly reportingInstance: string;
  readonly clock: Clock;
  /** In [0, 1); makes names unique. */
  readonly random: () => number;
  readonly logger: Logger;
  readonly metrics: RuntimeMetrics;
}

export interface Recorder {
  /** Never throws, never waits: what cannot be sent is counted, logged and dropped. */
  record(event: EventRecord): void;
  /** Resolves when everything accepted so far was sent or dropped; each takes at most 5 s. */
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
 * Records events.k8s.io/v1 Events. A repetition becomes a `series` on the first Event instead of an object of its own;
 * an object that always produces new texts is limited to 25 Events and then one per five minutes (client-go's numbers);
 * at most 100 wait to be sent.
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
/** A text that did not occur for longer than this begins a new Event; the API server keeps Events for an hour. */
const seriesLifeMs = 1_800_000;
/** A retry every few seconds must not become a write every few seconds. */
const seriesPeriodMs = 300_000;
const sendTimeoutMs = 5_000;
/** Texts and objects remembered; about 1 KiB each. */
const rememberedMax = 500;

/** A map that forgets its oldest entry. */
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
    // Events about cluster-scoped objects live in `default`, by convention.
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

/** The server refuses notes above 1 KiB of UTF-8. */
function cut(text: string, bytesMax: number): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= bytesMax) return text;
  return `${bytes
    .subarray(0, bytesMax - 4)
    .toString('utf8')
    .replace(/\uFFFD+$/, '')}…`;
}
