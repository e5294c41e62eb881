import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { type ErrorCode, errorCatalogue, SumError } from '#core/errors.ts';
import { type Edge, echo, startEdge } from '#test/support/edge.ts';

let edge: Edge;

before(async () => {
  edge = await startEdge();
});
after(() => edge.server.close(100));

async function request(init: {
  path?: string;
  method?: string;
  body?: string | Buffer;
  headers?: Record<string, string>;
}) {
  const { path = '/v1/additions', method = 'POST', body, headers } = init;
  const response = await fetch(`http://127.0.0.1:${edge.server.httpPort}${path}`, {
    method,
    ...(body === undefined ? {} : { body }),
    ...(headers === undefined ? {} : { headers }),
  });
  const type = response.headers.get('content-type') ?? '';
  const answer = JSON.parse(await response.text()) as Record<string, unknown>;
  return { status: response.status, type, answer, headers: response.headers };
}

test('the response is the JSON mapping with default values, for every content type of the body', async () => {
  edge.handle = echo;
  for (const headers of [
    {},
    { 'content-type': 'application/x-www-form-urlencoded' },
    { 'content-type': 'text/plain' },
    { 'content-type': 'application/json,application/json' },
    { 'content-type': 'json' },
    { 'content-type': ';;;' },
    { 'content-type': '' },
    { 'content-type': `application/json; charset=${'x'.repeat(4000)}` },
    { 'content-type': 'application/json; charset=latin1' },
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

describe('a wrong request is refused with a status, a type and a field', () => {
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
      detail: /"a" occurs twice/,
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
    { what: 'another verb', method: 'PUT', body: '{}', status: 404, code: 'not-found', detail: /PUT is not served/ },
    { what: 'a broken path', path: '/v1/%ff', status: 404, code: 'not-found', detail: /percent-encoded/ },
  ];
  for (const { what, status, code, field, detail, ...init } of cases) {
    test(what, async () => {
      edge.handle = echo;
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

test('an error of the service has its code; an unexpected error contains no internal details', async () => {
  for (const code of Object.keys(errorCatalogue) as ErrorCode[]) {
    edge.handle = () => Promise.reject(new SumError(code, 'why and what to do', { field: 'a' }));
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
  edge.handle = () => Promise.reject(new Error('password=hunter2'));
  const { status, answer } = await request({ body: '{}' });
  assert.equal(status, 500);
  assert.doesNotMatch(JSON.stringify(answer), /hunter2/);
});

test('the deadline is the header, at most a minute, ten seconds without it', async () => {
  const asked: number[] = [];
  edge.handle = async (message, { deadline }) => {
    asked.push(Math.round((deadline - Date.now()) / 1000));
    return echo(message);
  };
  await request({ body: '{}' });
  await request({ body: '{}', headers: { 'request-timeout-ms': '3000' } });
  assert.deepEqual(asked, [10, 3]);
});

test('a handler that exceeds the deadline gets deadline-exceeded', async () => {
  edge.handle = () => new Promise(() => {});
  const startedAt = performance.now();
  const { status } = await request({ body: '{}', headers: { 'request-timeout-ms': '50' } });
  assert.equal(status, 504);
  assert.ok(performance.now() - startedAt < 2_000);
});

test('a client that goes away aborts the call', async () => {
  const aborted = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  edge.handle = (_message, { signal }) => {
    begun.resolve();
    signal.addEventListener('abort', () => aborted.resolve());
    return new Promise(() => {});
  };
  const socket = connect(edge.server.httpPort, '127.0.0.1');
  socket.write('POST /v1/additions HTTP/1.1\r\nhost: x\r\nrequest-timeout-ms: 2000\r\ncontent-length: 2\r\n\r\n{}');
  await begun.promise;
  socket.destroy();
  await aborted.promise;
});

test('bytes that are not HTTP get a response, and the connection is closed', async () => {
  const answer = await new Promise<string>((resolve, reject) => {
    const socket = connect(edge.server.httpPort, '127.0.0.1', () => socket.write('\x16\x03\x01\x02\x00hello\r\n\r\n'));
    let text = '';
    socket.on('data', (data) => {
      text += String(data);
    });
    socket.on('end', () => resolve(text));
    socket.on('error', reject);
  });
  assert.match(answer, /^HTTP\/1\.1 400 Bad Request\r\ncontent-type: application\/problem\+json/);
});

test('requests are counted by method and result', async () => {
  const text = await edge.exposition.render();
  assert.match(text, /sumpipeline_requests_total\{method="Add",result="ok"\} \d+/);
  assert.match(text, /sumpipeline_requests_total\{method="Add",result="malformed-json"\} \d+/);
  assert.match(text, /sumpipeline_requests_total\{method="none",result="body-too-large"\} \d+/);
  assert.match(text, /sumpipeline_request_duration_seconds_bucket\{le="0.001",method="Add"\}/);
});
