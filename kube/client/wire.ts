import { z } from 'zod';
import { errorFromStatus, KubernetesError, type RequestContext } from './errors.ts';
import { apiVersionOf, type KubeObject, type Live, type ObjectName, type Resource } from './object.ts';

/** One page of a list. `resourceVersion` is the version of the whole collection. */
export interface Page<T extends KubeObject> {
  readonly items: Live<T>[];
  readonly resourceVersion: string;
  /** Token for the next `list` call. Undefined on the last page. */
  readonly continue: string | undefined;
}

export type WatchEvent<T extends KubeObject> =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: Live<T> }
  /** The server has sent all events up to this version. */
  | { readonly type: 'BOOKMARK'; readonly resourceVersion: string };

const metadataSchema = z.object({
  metadata: z.object({ name: z.string(), uid: z.string().optional(), resourceVersion: z.string().optional() }),
});

/**
 * Converts the body of a response to an object of its kind. Only the metadata is checked: the server validated all
 * other fields against the schema of the kind. Sets `apiVersion` and `kind`, which items of lists and
 * PartialObjectMetadata do not have. After a create as a dry run resourceVersion is ''. Throws if the body has no name.
 */
export function asLive<T extends KubeObject>(resource: Resource<T>, body: unknown, subresource?: string): Live<T> {
  const parsed = metadataSchema.safeParse(body);
  if (!parsed.success) {
    throw new Error(`the API server returned a ${resource.kind} without a name: ${z.prettifyError(parsed.error)}`);
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

/** Parses one line of a watch. Throws the error of an ERROR event, or class `gone` if the line cannot be read. */
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
    throw unreadableStream('an event of the watch could not be read', request, cause);
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
 * Returns name, uid and version of the object after a write. The version is undefined if the object is gone. After a
 * deletion the server returns a Status or the last state of the object. If that state has a deletionTimestamp, the
 * object still exists.
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
