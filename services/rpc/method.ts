import type { DescMethodUnary, DescService, JsonValue, MessageShape } from '@bufbuild/protobuf';

/** Limits of one call: a handler must return before the deadline, or stop when the signal is aborted. */
export interface CallContext {
  /** Milliseconds since the Unix epoch. */
  readonly deadline: number;
  /** Aborted when the client no longer waits for the response. */
  readonly signal: AbortSignal;
}

/** One handler per method of a service with only unary methods. A handler throws SumError for errors for the client. */
export type ServiceHandlers<Service extends DescService> = {
  readonly [Name in keyof Service['method']]: Service['method'][Name] extends DescMethodUnary<infer Input, infer Output>
    ? (request: MessageShape<Input>, call: CallContext) => Promise<MessageShape<Output>>
    : never;
};

/** The HTTP form of one method. The response is always the JSON mapping of the method's response message. */
export interface HttpRoute<Service extends DescService> {
  readonly method: keyof Service['method'] & string;
  readonly verb: 'GET' | 'POST';
  /** With parameters as `:name`. */
  readonly path: string;
  readonly request: BodyRequest | PathRequest;
}

/** The request message is the body. */
interface BodyRequest {
  readonly kind: 'body';
  /** JSON names of decimal fields. In these fields a JSON number is used as its raw text, never as a float. */
  readonly decimals: readonly string[];
}

/** The request message is built from path and query. */
export interface PathRequest {
  readonly kind: 'path';
  /** Allowed query parameters; any other is refused. */
  readonly query: readonly string[];
  /** Returns the JSON mapping of the request message; may throw SumError. */
  readonly build: (parts: PathParts) => JsonValue;
}

interface PathParts {
  /** Percent-decoded. */
  readonly params: Readonly<Record<string, string>>;
  /** The one value of each name that is present. */
  readonly query: Readonly<Record<string, string>>;
}
