import { errorFromNetwork, errorFromStatus } from '#kube/client/errors.ts';
import type { HttpAnswer, HttpRequest, Transport } from '#kube/client/transport.ts';
import type { Clock } from '#kube/clock.ts';

type Fate = 'answered' | 'lostBefore' | 'lostAfter' | 'hangs';

interface StoredLease {
  metadata: { name: string; namespace: string; uid: string; resourceVersion: string };
  spec: Record<string, unknown>;
}

/** A stand-in for an API server that stores one Lease. The test decides which requests fail. */
export class FakeLeaseServer {
  lease: StoredLease | undefined;
  /** Verbs of the requests that arrived, such as `get` or `patch`. */
  readonly requests: string[] = [];
  #version = 0;
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Connects one process to the server. `fate` decides what happens to each request. */
  connect(fate: (request: HttpRequest) => Fate = () => 'answered'): Transport {
    return {
      request: async (request) => {
        const fateOfThis = fate(request);
        if (fateOfThis === 'lostBefore') throw errorFromNetwork(new Error('lost before'), request.context);
        if (fateOfThis === 'hangs') return this.#hang(request);
        const answer = this.#answer(request);
        if (fateOfThis === 'lostAfter') throw errorFromNetwork(new Error('lost after'), request.context);
        return answer;
      },
      async *stream() {},
      async close() {},
    };
  }

  #answer(request: HttpRequest): HttpAnswer {
    this.requests.push(request.context.verb);
    const refuse = (status: number, reason: string) =>
      errorFromStatus({ status, body: { kind: 'Status', reason, message: reason }, request: request.context });
    const sent = request.body === undefined ? undefined : JSON.parse(request.body);
    if (request.method === 'POST') {
      if (this.lease !== undefined) throw refuse(409, 'AlreadyExists');
      this.lease = { ...sent, metadata: { ...sent.metadata, uid: 'lease-uid' } };
    } else {
      if (this.lease === undefined) throw refuse(404, 'NotFound');
      if (request.method === 'GET') return { status: 200, body: structuredClone(this.lease) };
      if (sent.metadata?.resourceVersion !== this.lease.metadata.resourceVersion) throw refuse(409, 'Conflict');
      this.lease.spec = { ...this.lease.spec, ...sent.spec };
    }
    if (this.lease === undefined) throw new Error('unreachable: the lease was just stored');
    this.#version += 1;
    this.lease.metadata.resourceVersion = String(this.#version);
    return { status: 200, body: structuredClone(this.lease) };
  }

  #hang(request: HttpRequest): Promise<never> {
    return new Promise((_, reject) => {
      const timedOut = () => reject(errorFromNetwork(new Error('no answer in time'), request.context));
      const cancel = this.#clock.after(request.timeoutMs ?? 30_000, timedOut);
      request.signal?.addEventListener(
        'abort',
        () => {
          cancel();
          reject(request.signal?.reason);
        },
        { once: true },
      );
    });
  }
}
