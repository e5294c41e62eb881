import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { create, toBinary } from '@bufbuild/protobuf';
import { Client, credentials, type ServiceError, status } from '@grpc/grpc-js';
import { AddRequestSchema, Calculator } from '#contract/gen/sumpipeline/v1/sumpipeline_pb.js';
import { SumError } from '#core/errors.ts';
import { type Edge, echo, startEdge } from '#test/support/edge.ts';
import { GrpcClient } from '#test/support/grpcClient.ts';

let edge: Edge;

before(async () => {
  edge = await startEdge();
});
after(() => edge.server.close(100));

test('an error has a status, a message, a code and a field', async () => {
  using client = new GrpcClient(`127.0.0.1:${edge.server.grpcPort}`, Calculator);
  edge.handle = () => Promise.reject(new SumError('id-conflict', 'other operands', { field: 'requestId' }));
  const answer = await client.call('add', {});
  assert.ok(!answer.ok);
  assert.deepEqual([answer.code, answer.details], [status.ALREADY_EXISTS, 'other operands']);
  assert.deepEqual(answer.metadata.get('sumpipeline-error-code'), ['id-conflict']);
  assert.deepEqual(answer.metadata.get('sumpipeline-error-field'), ['requestId']);
});

test('a successful call returns the response message', async () => {
  using client = new GrpcClient(`127.0.0.1:${edge.server.grpcPort}`, Calculator);
  edge.handle = echo;
  const answer = await client.call('add', { requestId: 'x', a: '1', b: '2' });
  assert.ok(answer.ok);
  assert.deepEqual([answer.response.result, answer.response.position?.offset], ['1|2', 12n]);
});

test('bytes that are not a message, and text that is not UTF-8, are an invalid argument', async () => {
  using client = new GrpcClient(`127.0.0.1:${edge.server.grpcPort}`, Calculator);
  edge.handle = echo;
  for (const bytes of [Buffer.from('ff', 'hex'), Buffer.from('1202ffff', 'hex'), Buffer.from('0a', 'hex')]) {
    const answer = await client.raw('Add', bytes);
    assert.ok(!answer.ok, 'accepted');
    assert.equal(answer.code, status.INVALID_ARGUMENT, answer.details);
  }
});

test('unknown fields are ignored, as protobuf does', async () => {
  using client = new GrpcClient(`127.0.0.1:${edge.server.grpcPort}`, Calculator);
  edge.handle = echo;
  const known = toBinary(AddRequestSchema, create(AddRequestSchema, { a: '1' }));
  const answer = await client.raw('Add', Buffer.concat([known, Buffer.from('f80101', 'hex')]));
  assert.ok(answer.ok);
});

test('a message of 70 KB is refused', async () => {
  using client = new GrpcClient(`127.0.0.1:${edge.server.grpcPort}`, Calculator);
  edge.handle = echo;
  const answer = await client.call('add', { a: '1'.repeat(70_000) });
  assert.ok(!answer.ok);
  assert.equal(answer.code, status.RESOURCE_EXHAUSTED);
});

test("the client's deadline reaches the handler, and a cancelled call aborts it", async () => {
  using client = new GrpcClient(`127.0.0.1:${edge.server.grpcPort}`, Calculator);
  const aborted = Promise.withResolvers<number>();
  edge.handle = (_message, { deadline, signal }) => {
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
  using client = new RawClient(`127.0.0.1:${edge.server.grpcPort}`);
  assert.equal(await client.health(''), 2, 'NOT_SERVING');
  edge.server.setServing(true);
  assert.equal(await client.health(''), 1, 'SERVING');
  assert.equal(await client.health('sumpipeline.v1.Calculator'), 1);
  edge.server.setServing(false);
  assert.equal(await client.health('sumpipeline.v1.Calculator'), 2);
  for (const version of ['v1', 'v1alpha']) {
    // Field numbers of the request: list_services is 7, file_containing_symbol is 4.
    assert.match(await client.reflect(version, Buffer.from('3a00', 'hex')), /sumpipeline\.v1\.Calculator/);
    const symbol = Buffer.from('sumpipeline.v1.AddRequest');
    const described = await client.reflect(version, Buffer.concat([Buffer.from([0x22, symbol.length]), symbol]));
    assert.match(described, /request_id/);
  }
});

/** Calls health and reflection with hand-written protobuf, which is enough to read one byte and some text. */
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
