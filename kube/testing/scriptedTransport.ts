import { errorFromStatus } from '#kube/client/errors.ts';
import type { HttpAnswer, HttpRequest, StreamRequest, Transport } from '#kube/client/transport.ts';

/**
 * Creates a transport whose responses the test gives: a body, an Error, or undefined for a 404. For a watch, an Error
 * breaks it after it is open, `end` ends it, and any other value leaves it open without events.
 */
export function scriptedTransport(answer: (request: HttpRequest) => unknown): Transport & { requests: HttpRequest[] } {
  const requests: HttpRequest[] = [];
  return {
    requests,
    async request(request: HttpRequest): Promise<HttpAnswer> {
      requests.push(request);
      const body = await answer(request);
      if (body instanceof Error) throw body;
      if (body === undefined) throw errorFromStatus({ status: 404, body: undefined, request: request.context });
      return { status: 200, body };
    },
    async *stream(request: StreamRequest): AsyncGenerator<Uint8Array> {
      requests.push(request);
      request.onOpen?.();
      const fate = answer(request);
      if (fate instanceof Error) throw fate;
      if (fate === 'end') return;
      await new Promise((_, reject) => {
        request.signal?.addEventListener('abort', () => reject(request.signal?.reason), { once: true });
      });
    },
    async close() {},
  };
}
