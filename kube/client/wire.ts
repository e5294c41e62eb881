import { z } from 'zod';
import { errorFromStatus, KubernetesError, type RequestContext } from './errors.ts';
import { apiVersionOf, type KubeObject, type Live, type ObjectName, type Resource } from './object.ts';

/** One page of a list; `resourceVersion` is the state of the whole collection that the list shows. */
export interface Page<T extends KubeObject> {
  readonly items: Live<T>[];
  readonly resourceVersion: string;
  /** Given to the next `list` call; absent on the last page. */
  readonly continue: string | undefined;
}

export type WatchEvent<T extends KubeObject> =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: Live<T> }
  /** Everything up to this version has been sent. */
  | { readonly type: 'BOOKMARK'; readonly resourceVersion: string };

const metadataSchema = z.object({
  metadata: z.object({ name: z.string(), uid: z.string().optional(), resourceVersion: z.string().optional() }),
});

/**
 * The boundary: an answer becomes an object of its kind. Identity is checked here; the rest was validated by the
 * server against the kind's schema when it was written. Items of lists and PartialObjectMetadata get their kind back.
 * An object that a dry run created has no version: its resourceVersion is ''.
 */
export function asLive<T extends KubeObject>(resource: Resource<T>, body: unknown, subresource?: string): Live<T> {
  const parsed = metadataSchema.safeParse(body);
  if (!parsed.success) {
    throw new Error(`the API server answered a ${resource.kind} without a name: ${z.prettifyError(parsed.error)}`);
  }
  const object = body as Live<T>;
  object.metadata.resourceVersion ??= '';
  if (subresource !== 'scale') Object.assign(object, { apiVersion: apiVersionOf(resource), kind: resource.kind });
  return object;
}

const pageSchema = z.object({
  metadata: z.object({ resourceVersion: z.string(), continue: z.string().optional() }),
  items: z.array(z.unknown()).nullish(),
});

export function asLivePage<T extends KubeObject>(resource: Resource<T>, body: unknown): Page<T> {
  const { metadata, items } = pageSchema.parse(body);
  return {
    items: (items ?? []).map((item) => asLive(resource, item)),
    resourceVersion: metadata.resourceVersion,
    continue: metadata.continue === '' ? undefined : metadata.continue,
  };
}

const eventSchema = z.object({
  type: z.enum(['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK', 'ERROR']),
  object: z.unknown(),
});
const bookmarkSchema = z.object({ metadata: z.object({ resourceVersion: z.string() }) });
const codeSchema = z.object({ code: z.number() });

/** One line of a watch. An ERROR event is thrown; a line that cannot be read has class `gone`: only a list helps. */
export function parseWatchLine<T extends KubeObject>(
  resource: Resource<T>,
  line: string,
  request: RequestContext,
): WatchEvent<T> {
  const event = parseEvent(line, request);
  switch (event.type) {
    case 'ERROR': {
      const code = codeSchema.safeParse(event.object);
      throw errorFromStatus({ status: code.success ? code.data.code : 500, body: event.object, request });
    }
    case 'BOOKMARK':
      return { type: 'BOOKMARK', resourceVersion: bookmarkSchema.parse(event.object).metadata.resourceVersion };
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED':
      return { type: event.type, object: asLive(resource, event.object) };
    default:
      throw event.type satisfies never;
  }
}

function parseEvent(line: string, request: RequestContext): z.infer<typeof eventSchema> {
  try {
    return eventSchema.parse(JSON.parse(line));
  } catch (cause) {
    throw unreadableStream('an event could not be read', request, cause);
  }
}

export function unreadableStream(what: string, request: RequestContext, cause: unknown): KubernetesError {
  return new KubernetesError({
    class: 'gone',
    status: undefined,
    reason: 'UnreadableEvent',
    serverMessage: what,
    request,
    cause,
  });
}

const writtenSchema = z.object({
  kind: z.string().optional(),
  metadata: z
    .object({
      name: z.string().optional(),
      namespace: z.string().optional(),
      uid: z.string().optional(),
      resourceVersion: z.string().optional(),
      deletionTimestamp: z.string().optional(),
    })
    .optional(),
});

/**
 * What a write left behind. For a deletion that took effect at once the server returns, by kind, a Status or the object as it
 * last was; only an object with a deletionTimestamp still exists, in the returned version.
 */
export function writtenVersion(verb: string, body: unknown, asked: ObjectName, uid: string | undefined) {
  const parsed = writtenSchema.safeParse(body);
  const metadata = parsed.success && parsed.data.kind !== 'Status' ? parsed.data.metadata : undefined;
  const isGone = verb === 'delete' && metadata?.deletionTimestamp === undefined;
  return {
    name: { namespace: metadata?.namespace ?? asked.namespace, name: metadata?.name ?? asked.name },
    uid: metadata?.uid ?? uid,
    resourceVersion: isGone ? undefined : metadata?.resourceVersion,
  };
}
