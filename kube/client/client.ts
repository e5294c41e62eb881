import { KubernetesError, type RequestContext } from './errors.ts';
import { LineTooLongError, splitLines } from './lines.ts';
import { apiVersionOf, type KubeObject, type Live, type ObjectName, pathOf, type Resource } from './object.ts';
import type { HttpRequest, Transport } from './transport.ts';
import {
  asLive,
  asLivePage,
  type Page,
  parseWatchLine,
  unreadableStream,
  type WatchEvent,
  writtenVersion,
} from './wire.ts';

export interface CallOptions {
  /** When the signal aborts, the call throws its reason. The server may still have carried out a write. */
  readonly signal?: AbortSignal;
  /** Time limit of the call, ms. Default: the time limit of the transport, 30 s. */
  readonly timeoutMs?: number;
}

interface SelectOptions extends CallOptions {
  /** Namespace of the objects. Absent means all namespaces. */
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
  /** The server sends only `metadata` (PartialObjectMetadata). Default false. */
  readonly metadataOnly?: boolean | undefined;
}

export interface ListOptions extends SelectOptions {
  /** Objects per page. Default: all in one page. */
  readonly limit?: number;
  /** Value of `continue` in the previous page. Absent for the first page. */
  readonly continue?: string | undefined;
}

export interface WatchOptions extends SelectOptions {
  /** The watch sends events after this version, which comes from a list or a bookmark. */
  readonly resourceVersion: string;
  /** The server ends the watch after this time, seconds. */
  readonly timeoutSeconds: number;
  /** The watch fails if nothing arrives for this long, ms. Default: the maximum time of the watch. */
  readonly silenceMs?: number | undefined;
  /** Called when the server accepted the watch. The first event may come much later. */
  readonly onOpen?: () => void;
}

export interface WriteOptions extends CallOptions {
  /** Field manager: the server records it as owner of the written fields. */
  readonly fieldManager: string;
  /** The server validates the write and fills in defaults, but stores nothing. Default false. */
  readonly dryRun?: boolean;
  /** What the server does with unknown and duplicate fields. Default `Strict`: it refuses them. */
  readonly fieldValidation?: 'Strict' | 'Warn' | 'Ignore';
}

export interface ApplyOptions extends WriteOptions {
  /**
   * If true, takes over fields that another field manager owns. If false, these fields make the apply fail with
   * `conflict`.
   */
  readonly force: boolean;
}

export interface DeleteOptions extends CallOptions {
  /**
   * Fails with `conflict` unless the live object has this uid, so that no foreign object of the same name is deleted.
   */
  readonly uid: string;
  /** Fails with `conflict` unless the live object has this version. */
  readonly resourceVersion?: string;
  /** How the API server deletes objects that this object owns. Default `Background`. */
  readonly propagationPolicy?: 'Background' | 'Foreground' | 'Orphan';
  readonly dryRun?: boolean;
}

/** Signal and callbacks of a bound client (see `bind`). */
export interface ClientHooks {
  /** When the signal aborts, all calls of the bound client end. */
  readonly signal?: AbortSignal;
  /** Called directly before each write. If it throws, the write is not sent. */
  readonly beforeWrite?: () => void;
  /** Called after each write that was stored, so not after a dry run. */
  readonly afterWrite?: (write: CompletedWrite) => void;
}

/** A stored write. `resourceVersion` is the version of the object after the write, undefined if the object is gone. */
export interface CompletedWrite {
  readonly verb: 'create' | 'apply' | 'patch' | 'delete';
  readonly resource: Resource;
  readonly name: ObjectName;
  readonly uid: string | undefined;
  readonly resourceVersion: string | undefined;
}

/**
 * The verbs of the Kubernetes API for plain objects. A call throws a KubernetesError (errors.ts), which names verb,
 * kind and object. If the signal aborts, a call throws its reason. The client never retries: only the caller can
 * decide whether the request is still right.
 */
export class KubeClient {
  readonly #transport: Transport;
  readonly #hooks: ClientHooks;

  constructor(transport: Transport, hooks: ClientHooks = {}) {
    this.#transport = transport;
    this.#hooks = hooks;
  }

  /** Returns a client that uses these hooks in every call. They replace the hooks of an earlier `bind`. */
  bind(hooks: ClientHooks): KubeClient {
    return new KubeClient(this.#transport, hooks);
  }

  async get<T extends KubeObject>(
    resource: Resource<T>,
    name: ObjectName,
    options: CallOptions & { metadataOnly?: boolean } = {},
  ): Promise<Live<T>> {
    const answer = await this.#send('get', resource, name, options, {
      method: 'GET',
      path: pathOf(resource, name),
      headers: { accept: acceptOf('PartialObjectMetadata', options.metadataOnly) },
    });
    return asLive(resource, answer.body);
  }

  /** Like `get`, but returns undefined if the object or its kind does not exist. */
  async find<T extends KubeObject>(
    resource: Resource<T>,
    name: ObjectName,
    options: CallOptions & { metadataOnly?: boolean } = {},
  ): Promise<Live<T> | undefined> {
    try {
      return await this.get(resource, name, options);
    } catch (error) {
      if (error instanceof KubernetesError && error.class === 'notFound') return undefined;
      throw error;
    }
  }

  /** Returns one page. Its data is never older than the call. `page.continue` is set if more pages follow. */
  async list<T extends KubeObject>(resource: Resource<T>, options: ListOptions = {}): Promise<Page<T>> {
    const answer = await this.#send('list', resource, { namespace: options.namespace, name: '' }, options, {
      method: 'GET',
      path: pathOf(resource, { namespace: options.namespace }),
      headers: { accept: acceptOf('PartialObjectMetadataList', options.metadataOnly) },
      query: {
        ...selection(options),
        limit: options.limit === undefined ? undefined : String(options.limit),
        continue: options.continue,
      },
    });
    return asLivePage(resource, answer.body);
  }

  /**
   * Yields events after `resourceVersion`. Returns when the server ends the watch. Throws when the watch breaks. After
   * an error of class `gone` the caller must list again. When the caller leaves its `for await` loop, the connection is
   * closed.
   */
  async *watch<T extends KubeObject>(resource: Resource<T>, options: WatchOptions): AsyncGenerator<WatchEvent<T>> {
    const context: RequestContext = { verb: 'watch', kind: resource.kind, namespace: options.namespace };
    const lifeMs = (options.timeoutSeconds + watchGraceSeconds) * 1000;
    const chunks = this.#transport.stream({
      method: 'GET',
      path: pathOf(resource, { namespace: options.namespace }),
      headers: { accept: acceptOf('PartialObjectMetadata', options.metadataOnly) },
      query: {
        ...selection(options),
        watch: 'true',
        allowWatchBookmarks: 'true',
        resourceVersion: options.resourceVersion,
        timeoutSeconds: String(options.timeoutSeconds),
      },
      context,
      signal: this.#signal(options),
      timeoutMs: lifeMs,
      silenceMs: options.silenceMs ?? lifeMs,
      onOpen: options.onOpen,
    });
    try {
      for await (const line of splitLines(chunks, watchLineBytesMax)) yield parseWatchLine(resource, line, context);
    } catch (error) {
      throw error instanceof LineTooLongError ? unreadableStream(error.message, context, error) : error;
    }
  }

  /**
   * Server-side apply: creates the object, or sets its fields with `fieldManager` as owner. `created` is true if the
   * object was created. If `object.metadata.uid` is set, the live object must have this uid. If it has another uid or
   * does not exist, the call throws class `conflict`.
   */
  async apply<T extends KubeObject>(
    resource: Resource<T>,
    object: T,
    options: ApplyOptions,
  ): Promise<{ object: Live<T>; created: boolean }> {
    return this.#apply(resource, object, undefined, options);
  }

  /** Server-side apply of `status` only, through the subresource. */
  async applyStatus<T extends KubeObject>(resource: Resource<T>, object: T, options: ApplyOptions): Promise<Live<T>> {
    return (await this.#apply(resource, object, 'status', options)).object;
  }

  /**
   * Sends a JSON merge patch (RFC 7386). If the patch has `metadata.resourceVersion`, the call throws `conflict` if
   * the live object has another version. For `subresource: 'scale'` the patch and the response are an autoscaling/v1
   * Scale.
   */
  async mergePatch<T extends KubeObject>(
    resource: Resource<T>,
    name: ObjectName,
    patch: object,
    options: WriteOptions & { subresource?: string },
  ): Promise<Live<T>> {
    const answer = await this.#write('patch', resource, name, options, {
      method: 'PATCH',
      path: pathOf(resource, { ...name, subresource: options.subresource }),
      headers: { 'content-type': 'application/merge-patch+json' },
      query: writeQuery(options),
      body: JSON.stringify(patch),
    });
    // A Scale has the metadata of a T and nothing else. Callers that patch the subresource read only the metadata.
    return asLive(resource, answer.body, options.subresource);
  }

  /** Creates an object. Throws `alreadyExists` if an object has the name. */
  async create<T extends KubeObject>(resource: Resource<T>, object: T, options: WriteOptions): Promise<Live<T>> {
    checkKind(resource, object);
    const answer = await this.#write('create', resource, object.metadata, options, {
      method: 'POST',
      path: pathOf(resource, { namespace: object.metadata.namespace }),
      headers: { 'content-type': 'application/json' },
      query: writeQuery(options),
      body: JSON.stringify(object),
    });
    return asLive(resource, answer.body);
  }

  /**
   * Requests the deletion. An object with finalizers exists until they are removed: the watch shows when it is gone.
   * Throws `notFound` if the object does not exist, and `conflict` if the object with this name has another uid.
   */
  async delete(resource: Resource, name: ObjectName, options: DeleteOptions): Promise<void> {
    await this.#write('delete', resource, name, options, {
      method: 'DELETE',
      path: pathOf(resource, name),
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        apiVersion: 'v1',
        kind: 'DeleteOptions',
        preconditions: {
          uid: options.uid,
          ...(options.resourceVersion === undefined ? {} : { resourceVersion: options.resourceVersion }),
        },
        propagationPolicy: options.propagationPolicy ?? 'Background',
        ...(options.dryRun === true ? { dryRun: ['All'] } : {}),
      }),
    });
  }

  /** Sends a GET to any path, for discovery and for the version of the server. Returns the parsed JSON. */
  async getRaw(path: string, options: CallOptions & { accept?: string } = {}): Promise<unknown> {
    const answer = await this.#transport.request({
      method: 'GET',
      path,
      headers: options.accept === undefined ? {} : { accept: options.accept },
      context: { verb: 'get', kind: path },
      signal: this.#signal(options),
      timeoutMs: options.timeoutMs,
    });
    return answer.body;
  }

  async #apply<T extends KubeObject>(
    resource: Resource<T>,
    object: T,
    subresource: string | undefined,
    options: ApplyOptions,
  ): Promise<{ object: Live<T>; created: boolean }> {
    checkKind(resource, object);
    const answer = await this.#write('apply', resource, object.metadata, options, {
      method: 'PATCH',
      path: pathOf(resource, { ...nameOf(object), subresource }),
      // The server requires YAML. JSON is valid YAML.
      headers: { 'content-type': 'application/apply-patch+yaml' },
      query: { ...writeQuery(options), force: String(options.force) },
      body: JSON.stringify(object),
    });
    return { object: asLive(resource, answer.body), created: answer.status === 201 };
  }

  async #write(
    verb: CompletedWrite['verb'],
    resource: Resource,
    name: ObjectName,
    options: CallOptions & { dryRun?: boolean; uid?: string },
    http: Omit<HttpRequest, 'context' | 'signal' | 'timeoutMs'>,
  ) {
    this.#hooks.beforeWrite?.();
    const answer = await this.#send(verb, resource, name, options, http);
    if (options.dryRun !== true) {
      this.#hooks.afterWrite?.({ verb, resource, ...writtenVersion(verb, answer.body, name, options.uid) });
    }
    return answer;
  }

  #send(
    verb: string,
    resource: Resource,
    name: ObjectName,
    options: CallOptions,
    http: Omit<HttpRequest, 'context' | 'signal' | 'timeoutMs'>,
  ) {
    return this.#transport.request({
      ...http,
      context: { verb, kind: resource.kind, namespace: name.namespace, name: name.name },
      signal: this.#signal(options),
      timeoutMs: options.timeoutMs,
    });
  }

  #signal(options: CallOptions): AbortSignal | undefined {
    if (options.signal === undefined) return this.#hooks.signal;
    return this.#hooks.signal === undefined ? options.signal : AbortSignal.any([this.#hooks.signal, options.signal]);
  }
}

/**
 * The server must end a watch within this time after `timeoutSeconds`. If it does not, the connection counts as dead.
 * 15 s is enough for a slow network.
 */
const watchGraceSeconds = 15;

/**
 * Maximum length of a line of a watch, which is one event. etcd refuses objects above 1.5 MiB, and escapes in JSON can
 * make an object several times longer.
 */
const watchLineBytesMax = 8 * 1024 * 1024;

function selection(options: SelectOptions): Record<string, string | undefined> {
  return { labelSelector: options.labelSelector, fieldSelector: options.fieldSelector };
}

function writeQuery(options: WriteOptions): Record<string, string | undefined> {
  return {
    fieldManager: options.fieldManager,
    fieldValidation: options.fieldValidation ?? 'Strict',
    dryRun: options.dryRun === true ? 'All' : undefined,
  };
}

function acceptOf(partial: string, metadataOnly: boolean | undefined): string {
  return metadataOnly === true ? `application/json;as=${partial};g=meta.k8s.io;v=v1` : 'application/json';
}

function nameOf(object: KubeObject): ObjectName {
  return { namespace: object.metadata.namespace, name: object.metadata.name };
}

function checkKind(resource: Resource, object: KubeObject): void {
  if (object.kind === resource.kind && object.apiVersion === apiVersionOf(resource)) return;
  throw new Error(
    `an object of ${object.apiVersion} ${object.kind} was given as ${apiVersionOf(resource)} ${resource.kind}`,
  );
}
