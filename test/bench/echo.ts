import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData } from '@grpc/grpc-js';
import { AddRequestSchema, AddResponseSchema, Calculator } from '#contract/gen/sumpipeline/v1/sumpipeline_pb.js';

/**
 * A server that shows the lowest cost possible in the benchmark: only grpc-js and protobuf. It responds to Add with
 * an invented position, stores nothing, and prints its port.
 */
const server = new Server();
const bytes = (value: Uint8Array) => Buffer.from(value);
server.addService(
  {
    add: {
      path: `/${Calculator.typeName}/Add`,
      requestStream: false,
      responseStream: false,
      requestSerialize: bytes,
      requestDeserialize: (buffer: Buffer) => fromBinary(AddRequestSchema, buffer),
      responseSerialize: (value: Uint8Array) => Buffer.from(value),
      responseDeserialize: (buffer: Buffer) => buffer,
    },
  },
  {
    add(
      call: ServerUnaryCall<{ requestId: string; series: string; a: string }, Uint8Array>,
      callback: sendUnaryData<Uint8Array>,
    ) {
      const { requestId, series, a } = call.request;
      const position = { partition: 0, offset: 1n, logEpoch: 1 };
      callback(
        null,
        toBinary(AddResponseSchema, create(AddResponseSchema, { requestId, series, result: a, position })),
      );
    },
  },
);
server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  process.stdout.write(`${port}\n`);
});
