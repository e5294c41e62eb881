import { errorFromStatus } from '#operator/runtime/errors.ts';
import type { HttpAnswer, HttpRequest, StreamRequest, Transport } from '#operator/runtime/transport.ts';

/** A transport whose answers the test gives; a request without an answer is a 404. Watches stay open and silent. */
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
      await new Promise((_, reject) => {
        request.signal?.addEventListener('abort', () => reject(request.signal?.reason), { once: true });
      });
    },
    async close() {},
  };
}
