/**
 * A stand-in for the modules of k6 that our entry files import: k6 itself is AGPL, and we do not depend on it. The
 * stand-in does what k6's documentation says, as far as the entry files need it, and refuses everything else.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { existsSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { join } from 'node:path';
import { create, fromBinary, fromJson, toBinary, toJson } from '@bufbuild/protobuf';
import { credentials, Client as GrpcJsClient, type ServiceError } from '@grpc/grpc-js';
import { AddRequestSchema, AddResponseSchema } from '#contract/gen/sumpipeline/v1/sumpipeline_pb.js';

const root = join(import.meta.dirname, '../../..');
const names = ['k6/execution', 'k6/http', 'k6/metrics', 'k6/net/grpc', 'k6/timers'] as const;
type ModuleName = (typeof names)[number];

/**
 * The virtual user that runs now. In k6 each user has its own JavaScript runtime, here its own copy of the entry
 * file.
 */
export const currentUser = new AsyncLocalStorage<number>();

/** The measured values of one run, by metric name. */
export const samples = new Map<string, { readonly kind: string; readonly values: number[] }>();

const openClients = new Set<GrpcJsClient>();

export function closeClients(): void {
  for (const client of openClients) client.close();
  openClients.clear();
}

class Metric {
  readonly #values: number[];

  constructor(kind: string, name: string) {
    const known = samples.get(name) ?? { kind, values: [] };
    samples.set(name, known);
    this.#values = known.values;
  }

  add(value: number): void {
    this.#values.push(value);
  }
}

class Client {
  #isLoaded = false;
  #client: GrpcJsClient | undefined;

  load(importPaths: readonly string[], file: string): void {
    // k6 resolves import paths and file names against the folder of the entry file.
    const [path = ''] = importPaths;
    if (!existsSync(join(root, 'k6', path, file))) throw new Error(`cannot load ${file} from ${path}`);
    this.#isLoaded = true;
  }

  connect(address: string, params: { plaintext?: boolean }): void {
    if (params.plaintext !== true) throw new Error('the stand-in speaks plaintext only');
    this.#client = new GrpcJsClient(address, credentials.createInsecure());
    openClients.add(this.#client);
  }

  asyncInvoke(url: string, message: object): Promise<{ status: number; message: unknown; error: unknown }> {
    const client = this.#client;
    if (!this.#isLoaded || client === undefined) throw new Error('call load and connect before asyncInvoke');
    if (url !== 'sumpipeline.v1.Calculator/Add') throw new Error(`the stand-in does not know ${url}`);
    // k6 accepts and returns the JSON mapping, with unset fields filled in.
    const request = fromJson(AddRequestSchema, JSON.parse(JSON.stringify(message)));
    return new Promise((resolve) => {
      client.makeUnaryRequest(
        `/${url}`,
        (value: Uint8Array) => Buffer.from(value),
        (value: Buffer) => fromBinary(AddResponseSchema, value),
        toBinary(AddRequestSchema, create(AddRequestSchema, request)),
        (error: ServiceError | null, answer) => {
          const json = answer === undefined ? {} : toJson(AddResponseSchema, answer, { alwaysEmitImplicit: true });
          resolve({
            status: error?.code ?? 0,
            message: json,
            error: error === null ? null : { message: error.details },
          });
        },
      );
    });
  }
}

async function asyncRequest(
  method: string,
  url: string,
  body: string | null,
  params: { headers?: Record<string, string> } = {},
): Promise<{ status: number; body: string | null }> {
  try {
    const answer = await fetch(url, { method, body, headers: params.headers ?? {} });
    return { status: answer.status, body: await answer.text() };
  } catch {
    // k6 returns status 0 when there is no connection.
    return { status: 0, body: null };
  }
}

const vu = {
  get idInTest(): number {
    const user = currentUser.getStore();
    if (user === undefined) throw new Error('exec.vu is not available in the init context');
    return user;
  },
};

const modules: Record<ModuleName, Record<string, unknown>> = {
  'k6/execution': { vu },
  'k6/http': { asyncRequest },
  'k6/metrics': {
    Counter: class extends Metric {
      constructor(name: string) {
        super('counter', name);
      }
    },
    Rate: class extends Metric {
      constructor(name: string) {
        super('rate', name);
      }
    },
    Trend: class extends Metric {
      constructor(name: string) {
        super('trend', name);
      }
    },
  },
  'k6/net/grpc': { Client, StatusOK: 0, StatusDeadlineExceeded: 4, StatusResourceExhausted: 8, StatusUnavailable: 14 },
  'k6/timers': { setTimeout },
};

Reflect.set(globalThis, Symbol.for('k6 stand-in'), modules);

/** Makes `import 'k6/http'` and similar imports load the stand-in from now on. */
export function installK6StandIn(environment: Readonly<Record<string, string>>): void {
  Reflect.set(globalThis, '__ENV', environment);
  registerHooks({
    resolve(specifier, context, next) {
      if (isModuleName(specifier)) return { url: `k6:${specifier}`, format: 'module', shortCircuit: true };
      return next(specifier, context);
    },
    load(url, context, next) {
      const name = url.replace(/^k6:/, '');
      if (!isModuleName(name)) return next(url, context);
      const lines = Object.keys(modules[name]).map((key) => `export const ${key} = own.${key};`);
      const source = `const own = globalThis[Symbol.for('k6 stand-in')]['${name}'];\n${lines.join('\n')}`;
      return { format: 'module', source, shortCircuit: true };
    },
  });
}

function isModuleName(text: string): text is ModuleName {
  return names.some((name) => name === text);
}
