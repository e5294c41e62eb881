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
  /** Gives up; the call then throws the signal's reason. A write may have been carried out all the same. */
  readonly signal?: AbortSignal;
  /** Default: the transport's, 30 s. */
  readonly timeoutMs?: number;
}

interface SelectOptions extends CallOptions {
  /** Only this namespace; absent: all. */
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
  /** Only `metadata` is sent (PartialObjectMetadata). Default false. */
  readonly metadataOnly?: boolean | undefined;
}

export interface ListOptions extends SelectOptions {
  /** Objects per page. Default: everything in one answer. */
  readonly limit?: number;
  /** `continue` of the page before. */
  readonly continue?: string | undefined;
}

export interface WatchOptions extends SelectOptions {
  /** Events after this version; from a list or a bookmark. */
  readonly resourceVersion: string;
  /** The server ends the watch after this time. */
  readonly timeoutSeconds: number;
  /** The watch fails when nothing at all arrived for this long. Default: never before its end. */
  readonly silenceMs?: number | undefined;
  /** The server accepted the watch; the first event may be far away. */
  readonly onOpen?: () => void;
}

export interface WriteOptions extends CallOptions {
  /** The name under which the server records who owns the written fields. */
  readonly fieldManager: string;
  /** Validates, defaults and answers without storing. Default false. */
  readonly dryRun?: boolean;
  /** What happens to unknown and duplicate fields. Default `Strict`: refused. */
  readonly fieldValidation?: 'Strict' | 'Warn' | 'Ignore';
}

export interface ApplyOptions extends WriteOptions {
  /** Takes over fields that another manager owns instead of failing with `conflict`. */
  readonly force: boolean;
}

export interface DeleteOptions extends CallOptions {
  /** Fails with `conflict` unless the live object has this uid, so that no foreign object of the same name is deleted. */
  readonly uid: string;
  /** Fails with `conflict` unless the live object has this version. */
  readonly resourceVersion?: string;
  /** Default `Background`. */
  readonly propagationPolicy?: 'Background' | 'Foreground' | 'Orphan';
  readonly dryRun?: boolean;
}

/** What the client tells those who bound it (see `bind`). */
export interface ClientHooks {
  /** Given up for all calls of the bound client. */
  readonly signal?: AbortSignal;
  /** Runs right before each write is sent; throwing refuses it. */
  readonly beforeWrite?: () => void;
  /** Runs after each write that was stored (not after a dry run). */
  readonly afterWrite?: (write: CompletedWrite) => void;
}

/** `resourceVersion` is the object's version after the write; absent when the object is gone. */
export interface CompletedWrite {
  readonly verb: 'create' | 'apply' | 'patch' | 'delete';
  readonly resource: Resource;
  readonly name: ObjectName;
  readonly uid: string | undefined;
  readonly resourceVersion: string | undefined;
}

/**
 * The verbs of the Kubernetes API over plain objects. Every failure is a KubernetesError (errors.ts) that names verb,
 * kind and object, or the reason of an aborted signal. Nothing is retried here: the caller knows what it read.
 */
export class KubeClient {
  readonly #transport: Transport;
  readonly #hooks: ClientHooks;

  constructor(transport: Transport, hooks: ClientHooks = {}) {
    this.#transport = transport;
    this.#hooks = hooks;
  }

  /** The same client, with a signal and hooks on every call. Hooks do not add up: the last `bind` counts. */
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

  /** Like `get`, but undefined when the object, or its whole kind, does not exist. */
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

  /** One page, read consistently (never older than the call). `page.continue` is there when more follows. */
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
   * Events after `resourceVersion`, until the server ends the watch (then it returns) or it breaks (then it throws;
   * class `gone`: list again). Leaving the loop closes the connection.
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
   * Server-side apply: the object is created, or the fields it names are set and owned by `fieldManager`.
   * `created` tells a 201 from a 200. With `object.metadata.uid` the object must be that very one: otherwise, absent or
   * replaced, the class is `conflict`.
   */
  async apply<T extends KubeObject>(
    resource: Resource<T>,
    object: T,
    options: ApplyOptions,
  ): Promise<{ object: Live<T>; created: boolean }> {
    return this.#apply(resource, object, undefined, options);
  }

  /** Server-side apply of `status` alone, through the subresource. */
  async applyStatus<T extends KubeObject>(resource: Resource<T>, object: T, options: ApplyOptions): Promise<Live<T>> {
    return (await this.#apply(resource, object, 'status', options)).object;
  }

  /**
   * JSON merge patch (RFC 7386). With `metadata.resourceVersion` in the patch it fails with `conflict` if another
   * writer came in between. With `subresource: 'scale'` the patch and the response are an autoscaling/v1 Scale.
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
    // A Scale is not a T; its metadata is, and a caller that asked for the subresource reads no more.
    return asLive(resource, answer.body, options.subresource);
  }

  /** Fails with `alreadyExists` when the name is taken. */
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
   * Asks for deletion. The object may live on for as long as it has finalizers: the watch tells when it is gone.
   * An object that is already gone fails with `notFound`, another one under the name with `conflict`.
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

  /** GET of any path, for discovery and version. */
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
      // JSON is YAML.
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

/** Beyond the time at which the server should have ended the watch: then the connection is dead. */
const watchGraceSeconds = 15;

/** etcd refuses requests above 1.5 MiB; JSON escapes can make more of it, managedFields are part of it. */
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
