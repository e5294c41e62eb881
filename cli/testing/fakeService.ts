import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ErrorCode } from '#core/errors.ts';
import { errorCatalogue, problemTypeBase } from '#core/errors.ts';

/** One call as the fake received it. */
export interface SeenCall {
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
}

/** How the fake handles a call: respond with JSON or text, break the connection, or send nothing. */
export type FakeAnswer =
  | { readonly status: number; readonly json: unknown; readonly headers?: Readonly<Record<string, string>> }
  | { readonly status: number; readonly text: string }
  | 'drop'
  | 'silence';

/** One call that a script expects, and the response to it. */
export interface Expected {
  readonly call: string;
  readonly answer: FakeAnswer | ((call: SeenCall) => FakeAnswer);
}

/** A stand-in for a calculator or an aggregator. It sends only the responses of the test. */
export interface FakeService extends AsyncDisposable {
  readonly url: string;
  readonly calls: readonly SeenCall[];
  /** Throws if an expected call is missing, or if an unexpected call came. */
  assertDone(): void;
}

/** Starts a fake service that expects exactly the calls of the script, in this order. A call is `METHOD /path`. */
export async function startScriptedService(script: readonly Expected[]): Promise<FakeService> {
  const problems: string[] = [];
  let next = 0;
  const fake = await startFakeService((call) => {
    const name = `${call.method} ${call.path}`;
    const expected = script[next];
    next += 1;
    if (expected === undefined) problems.push(`unexpected call ${next}: ${name}`);
    else if (expected.call !== name) problems.push(`call ${next} is ${name}, expected ${expected.call}`);
    else return typeof expected.answer === 'function' ? expected.answer(call) : expected.answer;
    return { status: 599, text: 'not in the script' };
  });
  return {
    ...fake,
    assertDone() {
      if (next < script.length)
        problems.push(
          `missing: ${script
            .slice(next)
            .map(({ call }) => call)
            .join(', ')}`,
        );
      if (problems.length > 0) throw new Error(problems.join('; '));
    },
    [Symbol.asyncDispose]: () => fake[Symbol.asyncDispose](),
  };
}

/** Starts a fake service. `answer` returns the response to each call. */
export async function startFakeService(
  answer: (call: SeenCall) => FakeAnswer | Promise<FakeAnswer>,
): Promise<FakeService> {
  const calls: SeenCall[] = [];
  const server = createServer((request, response) => {
    void (async () => {
      const call = { method: request.method ?? '', path: request.url ?? '', body: await readBody(request) };
      calls.push(call);
      reply(request, response, await answer(call));
    })();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    calls,
    assertDone() {},
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString('utf8');
  return text === '' ? undefined : JSON.parse(text);
}

function reply(request: IncomingMessage, response: ServerResponse, answer: FakeAnswer): void {
  if (answer === 'silence') return;
  if (answer === 'drop') {
    request.socket.destroy();
    return;
  }
  const headers = 'headers' in answer ? answer.headers : undefined;
  response.writeHead(answer.status, { 'content-type': 'application/json', ...headers });
  response.end('json' in answer ? JSON.stringify(answer.json) : answer.text);
}

/** Makes a problem document as our services send it. */
export function problem(code: ErrorCode, detail: string, field?: string): FakeAnswer {
  const { http, title } = errorCatalogue[code];
  const json = {
    type: `${problemTypeBase}${code}`,
    title,
    status: http,
    detail,
    ...(field === undefined ? {} : { field }),
  };
  return { status: http, json };
}

/** Makes an acknowledgement of the addition in `call` at a position. */
export function acknowledge(
  call: SeenCall,
  position: { partition: number; offset: number },
  replayed = false,
): FakeAnswer {
  const { requestId, series } = call.body as { requestId: string; series: string };
  return {
    status: 200,
    json: {
      requestId,
      series,
      result: '3',
      position: { partition: position.partition, offset: String(position.offset), logEpoch: 1 },
      replayed,
    },
  };
}
