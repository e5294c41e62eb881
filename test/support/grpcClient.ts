import {
  create,
  type DescService,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf';
import { Client, credentials, type Metadata, type ServiceError } from '@grpc/grpc-js';

/** The result of a call. */
export type GrpcAnswer<Response> =
  | { readonly ok: true; readonly response: Response }
  | { readonly ok: false; readonly code: number; readonly details: string; readonly metadata: Metadata };

/** A minimal gRPC client over descriptors, for tests. */
export class GrpcClient<Service extends DescService> implements Disposable {
  readonly #client: Client;
  readonly #service: Service;

  constructor(address: string, service: Service) {
    this.#client = new Client(address, credentials.createInsecure());
    this.#service = service;
  }

  call<Name extends keyof Service['method'] & string>(
    name: Name,
    request: MessageInitShape<Service['method'][Name]['input']>,
    options: { deadlineMs?: number } = {},
  ): Promise<GrpcAnswer<MessageShape<Service['method'][Name]['output']>>> {
    const method: Service['method'][Name] = this.#service.method[name] as Service['method'][Name];
    const bytes = toBinary(method.input, create(method.input, request as never));
    return this.raw(method.name, bytes, options).then((answer) =>
      answer.ok
        ? {
            ok: true,
            response: fromBinary(method.output, answer.response) as MessageShape<Service['method'][Name]['output']>,
          }
        : answer,
    );
  }

  /** Sends these bytes as the request, whatever they are. */
  raw(methodName: string, bytes: Uint8Array, options: { deadlineMs?: number } = {}): Promise<GrpcAnswer<Buffer>> {
    return new Promise((resolve) => {
      this.#client.makeUnaryRequest(
        `/${this.#service.typeName}/${methodName}`,
        (value: Uint8Array) => Buffer.from(value),
        (value: Buffer) => value,
        bytes,
        options.deadlineMs === undefined ? {} : { deadline: Date.now() + options.deadlineMs },
        (error: ServiceError | null, response?: Buffer) => {
          if (error === null && response !== undefined) resolve({ ok: true, response });
          else if (error !== null) {
            resolve({ ok: false, code: error.code, details: error.details, metadata: error.metadata });
          }
        },
      );
    });
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }
}
