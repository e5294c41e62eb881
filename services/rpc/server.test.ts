import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { create, toBinary } from '@bufbuild/protobuf';
import { Client, credentials, type ServiceError, status } from '@grpc/grpc-js';
import {
  type AddRequest,
  AddRequestSchema,
  type AddResponse,
  AddResponseSchema,
  Calculator,
} from '#contract/gen/sumpipeline/v1/sumpipeline_pb.js';
import { dataPlaneMetrics } from '#contract/metrics.ts';
import { type ErrorCode, errorCatalogue, SumError } from '#core/errors.ts';
import { silentLogger } from '#platform/log.ts';
import { createMetrics } from '#platform/metrics.ts';
import { GrpcClient } from '#test/support/grpcClient.ts';
import type { CallContext } from './method.ts';
import { type RpcServer, startRpcServer } from './server.ts';

/** What the service under the edge does in the test at hand. */
let handle: (request: AddRequest, call: CallContext) => Promise<AddResponse>;
let server: RpcServer;
const metrics = createMetrics(dataPlaneMetrics, { processMetrics: false });

const echo = async (request: AddRequest): Promise<AddResponse> => {
  const { requestId, series, a, b } = request;
  const position = { partition: 0, offset: 12n, logEpoch: 1 };
  return create(AddResponseSchema, { requestId, series, result: `${a}|${b}`, position });
};

function start(): Promise<RpcServer> {
  return startRpcServer({
    service: Calculator,
    handlers: { add: (request, call) => handle(request, call) },
    routes: [{ method: 'add', verb: 'POST', path: '/v1/additions', request: { kind: 'body', decimals: ['a', 'b'] } }],
    address: '127.0.0.1',
    httpPort: 0,
    grpcPort: 0,
    logger: silentLogger,
    metrics,
  });
}

before(async () => {
  server = await start();
});
after(() => server.close(100));

async function request(init: {
  path?: string;
  method?: string;
  body?: string | Buffer;
  headers?: Record<string, string>;
}) {
  const { path = '/v1/additions', method = 'POST', body, headers } = init;
  const response = await fetch(`http://127.0.0.1:${server.httpPort}${path}`, {
    method,
    ...(body === undefined ? {} : { body }),
    ...(headers === undefined ? {} : { headers }),
  });
  const type = response.headers.get('content-type') ?? '';
  const answer = JSON.parse(await response.text()) as Record<string, unknown>;
  return { status: response.status, type, answer, headers: response.headers };
}

describe('HTTP', () => {
  test('the answer is the JSON mapping with its zeros, whatever content type the body claims', async () => {
    handle = echo;
    for (const headers of [
      {},
      { 'content-type': 'application/x-www-form-urlencoded' },
      { 'content-type': 'text/plain' },
    ]) {
      const { status, type, answer } = await request({ body: '{"request_id":"x","a":1.10,"b":"2"}', headers });
      assert.equal(status, 200);
      assert.match(type, /^application\/json/);
      assert.deepEqual(answer, {
        requestId: 'x',
        series: '',
        result: '1.10|2',
        position: { partition: 0, offset: '12', logEpoch: 1 },
        replayed: false,
      });
    }
  });

  describe('what is wrong with a request is said with a status, a type and a field', () => {
    const cases: {
      what: string;
      body?: string | Buffer;
      path?: string;
      method?: string;
      headers?: Record<string, string>;
      status: number;
      code: string;
      field?: string;
      detail: RegExp;
    }[] = [
      { what: 'no body', status: 400, code: 'malformed-json', detail: /the body is empty/ },
      { what: 'half a body', body: '{"a":', status: 400, code: 'malformed-json', detail: /JSON/ },
      { what: 'an array', body: '[]', status: 400, code: 'malformed-json', detail: /must be a JSON object/ },
      { what: 'null', body: 'null', status: 400, code: 'malformed-json', detail: /must be a JSON object/ },
      {
        what: 'a key twice',
        body: '{"a":"1","a":"2"}',
        status: 400,
        code: 'malformed-json',
        detail: /"a" stands twice/,
      },
      {
        what: 'a field by both of its names',
        body: '{"requestId":"x","request_id":"x"}',
        status: 422,
        code: 'invalid-field',
        field: 'requestId',
        detail: /set multiple times/,
      },
      {
        what: 'broken UTF-8',
        body: Buffer.from([0x22, 0xff, 0x22]),
        status: 400,
        code: 'malformed-json',
        detail: /not UTF-8/,
      },
      {
        what: 'an unknown field',
        body: '{"c":"1"}',
        status: 422,
        code: 'invalid-field',
        field: 'c',
        detail: /not a field/,
      },
      {
        what: 'a prototype',
        body: '{"__proto__":{"a":"1"}}',
        status: 422,
        code: 'invalid-field',
        field: '__proto__',
        detail: /not a field/,
      },
      {
        what: 'an array for a decimal',
        body: '{"a":["1"]}',
        status: 422,
        code: 'invalid-field',
        field: 'a',
        detail: /^a is not valid: expected string/,
      },
      {
        what: 'a boolean for a decimal',
        body: '{"b":true}',
        status: 422,
        code: 'invalid-field',
        field: 'b',
        detail: /expected string/,
      },
      {
        what: 'a number for a series',
        body: '{"series":5}',
        status: 422,
        code: 'invalid-field',
        field: 'series',
        detail: /expected string/,
      },
      {
        what: 'a lone surrogate',
        body: '{"series":"\\ud800"}',
        status: 422,
        code: 'invalid-field',
        field: 'series',
        detail: /UTF/,
      },
      {
        what: 'a query on a path that takes none',
        body: '{}',
        path: '/v1/additions?a=1',
        status: 422,
        code: 'invalid-field',
        field: 'a',
        detail: /not a query parameter/,
      },
      {
        what: 'a query parameter that is a prototype',
        body: '{}',
        path: '/v1/additions?__proto__=1',
        status: 422,
        code: 'invalid-field',
        field: '__proto__',
        detail: /not a query parameter/,
      },
      {
        what: 'a name of 50 KB, which is not sent back',
        body: `{"${'x'.repeat(50_000)}":1}`,
        status: 422,
        code: 'invalid-field',
        field: `${'x'.repeat(60)}...`,
        detail: /^.{1,200}$/,
      },
      {
        what: 'a timeout in words',
        body: '{}',
        headers: { 'request-timeout-ms': 'soon' },
        status: 422,
        code: 'invalid-field',
        field: 'request-timeout-ms',
        detail: /from 1 to 60000/,
      },
      {
        what: 'a body of 70 KB',
        body: `{"a":"${'1'.repeat(70_000)}"}`,
        status: 413,
        code: 'body-too-large',
        detail: /more than 65536 bytes/,
      },
      { what: 'another path', path: '/v2/additions', status: 404, code: 'not-found', detail: /POST \/v1\/additions/ },
      { what: 'another verb', method: 'PUT', body: '{}', status: 404, code: 'not-found', detail: /PUT on this path/ },
      { what: 'a broken path', path: '/v1/%ff', status: 404, code: 'not-found', detail: /percent-encoded/ },
    ];
    for (const { what, status, code, field, detail, ...init } of cases) {
      test(what, async () => {
        handle = echo;
        const response = await request(init);
        assert.equal(response.status, status, JSON.stringify(response.answer));
        assert.match(response.type, /^application\/problem\+json/);
        assert.deepEqual(
          [response.answer['type'], response.answer['status'], response.answer['field']],
          [`https://sumpipeline.dev/problems/${code}`, status, field],
        );
        assert.match(String(response.answer['detail']), detail);
      });
    }
  });

  test('what the service refuses carries its code; what it did not foresee says nothing of the inside', async () => {
    for (const code of Object.keys(errorCatalogue) as ErrorCode[]) {
      handle = () => Promise.reject(new SumError(code, 'why and what to do', { field: 'a' }));
      const { status, answer, headers } = await request({ body: '{}' });
      assert.equal(status, errorCatalogue[code].http);
      assert.deepEqual(answer, {
        type: `https://sumpipeline.dev/problems/${code}`,
        title: errorCatalogue[code].title,
        status: errorCatalogue[code].http,
        detail: 'why and what to do',
        field: 'a',
      });
      assert.equal(headers.has('retry-after'), ['queue-full', 'outcome-unknown', 'unavailable'].includes(code));
    }
    handle = () => Promise.reject(new Error('password=hunter2'));
    const { status, answer } = await request({ body: '{}' });
    assert.equal(status, 500);
    assert.doesNotMatch(JSON.stringify(answer), /hunter2/);
  });

  test('the deadline is the header, at most a minute, ten seconds without it', async () => {
    const asked: number[] = [];
    handle = async (message, { deadline }) => {
      asked.push(Math.round((deadline - Date.now()) / 1000));
      return echo(message);
    };
    await request({ body: '{}' });
    await request({ body: '{}', headers: { 'request-timeout-ms': '3000' } });
    assert.deepEqual(asked, [10, 3]);
  });

  test('a handler that forgets the deadline is answered for', async () => {
    handle = () => new Promise(() => {});
    const startedAt = performance.now();
    const { status } = await request({ body: '{}', headers: { 'request-timeout-ms': '50' } });
    assert.equal(status, 504);
    assert.ok(performance.now() - startedAt < 2_000);
  });

  test('a client that goes away aborts the call', async () => {
    const aborted = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    handle = (_message, { signal }) => {
      begun.resolve();
      signal.addEventListener('abort', () => aborted.resolve());
      return new Promise(() => {});
    };
    const socket = connect(server.httpPort, '127.0.0.1');
    socket.write('POST /v1/additions HTTP/1.1\r\nhost: x\r\nrequest-timeout-ms: 2000\r\ncontent-length: 2\r\n\r\n{}');
    await begun.promise;
    socket.destroy();
    await aborted.promise;
  });

  test('bytes that are not HTTP get an answer and the door', async () => {
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = connect(server.httpPort, '127.0.0.1', () => socket.write('\x16\x03\x01\x02\x00hello\r\n\r\n'));
      let text = '';
      socket.on('data', (data) => {
        text += String(data);
      });
      socket.on('end', () => resolve(text));
      socket.on('error', reject);
    });
    assert.match(answer, /^HTTP\/1\.1 400 Bad Request\r\ncontent-type: application\/problem\+json/);
  });
});

describe('gRPC', () => {
  test('errors carry status, words, code and field', async () => {
    using client = new GrpcClient(`127.0.0.1:${server.grpcPort}`, Calculator);
    handle = () => Promise.reject(new SumError('id-conflict', 'other operands', { field: 'requestId' }));
    const answer = await client.call('add', {});
    assert.ok(!answer.ok);
    assert.deepEqual([answer.code, answer.details], [status.ALREADY_EXISTS, 'other operands']);
    assert.deepEqual(answer.metadata.get('sumpipeline-error-code'), ['id-conflict']);
    assert.deepEqual(answer.metadata.get('sumpipeline-error-field'), ['requestId']);
  });

  test('a success is the message', async () => {
    using client = new GrpcClient(`127.0.0.1:${server.grpcPort}`, Calculator);
    handle = echo;
    const answer = await client.call('add', { requestId: 'x', a: '1', b: '2' });
    assert.ok(answer.ok);
    assert.deepEqual([answer.response.result, answer.response.position?.offset], ['1|2', 12n]);
  });

  test('bytes that are no message, and text that is not UTF-8, are an invalid argument', async () => {
    using client = new GrpcClient(`127.0.0.1:${server.grpcPort}`, Calculator);
    handle = echo;
    for (const bytes of [Buffer.from('ff', 'hex'), Buffer.from('1202ffff', 'hex'), Buffer.from('0a', 'hex')]) {
      const answer = await client.raw('Add', bytes);
      assert.ok(!answer.ok, 'accepted');
      assert.equal(answer.code, status.INVALID_ARGUMENT, answer.details);
    }
  });

  test('unknown fields are ignored, as protobuf does', async () => {
    using client = new GrpcClient(`127.0.0.1:${server.grpcPort}`, Calculator);
    handle = echo;
    const known = toBinary(AddRequestSchema, create(AddRequestSchema, { a: '1' }));
    const answer = await client.raw('Add', Buffer.concat([known, Buffer.from('f80101', 'hex')]));
    assert.ok(answer.ok);
  });

  test('a message of 70 KB is refused', async () => {
    using client = new GrpcClient(`127.0.0.1:${server.grpcPort}`, Calculator);
    handle = echo;
    const answer = await client.call('add', { a: '1'.repeat(70_000) });
    assert.ok(!answer.ok);
    assert.equal(answer.code, status.RESOURCE_EXHAUSTED);
  });

  test("the client's deadline reaches the handler, and a cancelled call aborts it", async () => {
    using client = new GrpcClient(`127.0.0.1:${server.grpcPort}`, Calculator);
    const aborted = Promise.withResolvers<number>();
    handle = (_message, { deadline, signal }) => {
      const leftMs = deadline - Date.now();
      signal.addEventListener('abort', () => aborted.resolve(leftMs));
      return new Promise(() => {});
    };
    const answer = await client.call('add', {}, { deadlineMs: 300 });
    assert.ok(!answer.ok);
    assert.equal(answer.code, status.DEADLINE_EXCEEDED);
    const leftMs = await aborted.promise;
    assert.ok(leftMs > 0 && leftMs <= 300, `${leftMs} ms`);
  });

  test('health says what was set, and reflection lists and describes the service', async () => {
    using client = new RawClient(`127.0.0.1:${server.grpcPort}`);
    assert.equal(await client.health(''), 2, 'NOT_SERVING');
    server.setServing(true);
    assert.equal(await client.health(''), 1, 'SERVING');
    assert.equal(await client.health('sumpipeline.v1.Calculator'), 1);
    server.setServing(false);
    assert.equal(await client.health('sumpipeline.v1.Calculator'), 2);
    for (const version of ['v1', 'v1alpha']) {
      // list_services = 7, file_containing_symbol = 4.
      assert.match(await client.reflect(version, Buffer.from('3a00', 'hex')), /sumpipeline\.v1\.Calculator/);
      const symbol = Buffer.from('sumpipeline.v1.AddRequest');
      const described = await client.reflect(version, Buffer.concat([Buffer.from([0x22, symbol.length]), symbol]));
      assert.match(described, /request_id/);
    }
  });
});

test('requests are counted by method and result', async () => {
  const text = await metrics.render();
  assert.match(text, /sumpipeline_requests_total\{method="Add",result="ok"\} \d+/);
  assert.match(text, /sumpipeline_requests_total\{method="Add",result="malformed-json"\} \d+/);
  assert.match(text, /sumpipeline_requests_total\{method="none",result="body-too-large"\} \d+/);
  assert.match(text, /sumpipeline_request_duration_seconds_bucket\{le="0.001",method="Add"\}/);
});

describe('closing', () => {
  test('finishes what is in flight and refuses what comes', async () => {
    const closing = await start();
    const gate = Promise.withResolvers<void>();
    const begun = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    let calls = 0;
    handle = async (message) => {
      begun[calls++]?.resolve();
      await gate.promise;
      return echo(message);
    };
    const url = `http://127.0.0.1:${closing.httpPort}/v1/additions`;
    using client = new GrpcClient(`127.0.0.1:${closing.grpcPort}`, Calculator);
    const http = fetch(url, { method: 'POST', body: '{"a":"1","b":"2"}' });
    const grpc = client.call('add', { a: '1' });
    await Promise.all(begun.map(({ promise }) => promise));
    const closed = closing.close(5_000);
    gate.resolve();
    assert.equal((await http).status, 200);
    assert.ok((await grpc).ok);
    await closed;
    await assert.rejects(fetch(url, { method: 'POST', body: '{}' }));
  });

  test('cuts what does not end in time', async () => {
    const closing = await start();
    const begun = Promise.withResolvers<void>();
    handle = () => {
      begun.resolve();
      return new Promise(() => {});
    };
    const hanging = fetch(`http://127.0.0.1:${closing.httpPort}/v1/additions`, {
      method: 'POST',
      body: '{}',
      headers: { 'request-timeout-ms': '1000' },
    });
    const outcome = assert.rejects(hanging);
    await begun.promise;
    const startedAt = performance.now();
    await closing.close(100);
    await outcome;
    assert.ok(performance.now() - startedAt < 2_000);
  });

  test('a port that is taken is named', async () => {
    const options = { address: '127.0.0.1', httpPort: server.httpPort, grpcPort: 0, logger: silentLogger, metrics };
    await assert.rejects(
      startRpcServer({ service: Calculator, handlers: { add: echo }, routes: [], ...options }),
      new RegExp(`cannot listen for HTTP on 127.0.0.1:${server.httpPort}`),
    );
  });
});

/** Health and reflection by hand: enough protobuf to read one byte and some text. */
class RawClient implements Disposable {
  readonly #client: Client;

  constructor(address: string) {
    this.#client = new Client(address, credentials.createInsecure());
  }

  health(service: string): Promise<number> {
    const name = Buffer.from(service);
    const message = name.length === 0 ? name : Buffer.concat([Buffer.from([0x0a, name.length]), name]);
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(
        '/grpc.health.v1.Health/Check',
        (value: Buffer) => value,
        (value: Buffer) => value,
        message,
        (error: ServiceError | null, response?: Buffer) => {
          if (error === null) resolve(response?.[1] ?? 0);
          else reject(error);
        },
      );
    });
  }

  reflect(version: string, message: Buffer): Promise<string> {
    return new Promise((resolve, reject) => {
      const call = this.#client.makeBidiStreamRequest(
        `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`,
        (value: Buffer) => value,
        (value: Buffer) => value,
      );
      call.on('data', (data: Buffer) => {
        resolve(data.toString('latin1'));
        call.end();
      });
      call.on('error', reject);
      call.write(message);
    });
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }
}
