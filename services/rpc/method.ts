import type { DescMethodUnary, DescService, JsonValue, MessageShape } from '@bufbuild/protobuf';

/** Limits of one call. A handler must return before the deadline, and stop when the signal is aborted. */
export interface CallContext {
  /** Milliseconds since the Unix epoch. */
  readonly deadline: number;
  /** Aborted when the client no longer waits for the response. */
  readonly signal: AbortSignal;
}

/**
 * One handler per method of a service. All methods are unary. A handler throws SumError for an error that the client
 * gets.
 */
export type ServiceHandlers<Service extends DescService> = {
  readonly [Name in keyof Service['method']]: Service['method'][Name] extends DescMethodUnary<infer Input, infer Output>
    ? (request: MessageShape<Input>, call: CallContext) => Promise<MessageShape<Output>>
    : never;
};

/** The HTTP route of one method. The response is always the JSON mapping of the method's response message. */
export interface HttpRoute<Service extends DescService> {
  readonly method: keyof Service['method'] & string;
  readonly verb: 'GET' | 'POST';
  /** Path with parameters as `:name`. */
  readonly path: string;
  readonly request: BodyRequest | PathRequest;
}

/** The request message is the body. */
interface BodyRequest {
  readonly kind: 'body';
  /** JSON names of decimal fields. A JSON number in these fields is read as text, because a float would lose digits. */
  readonly decimals: readonly string[];
}

/** The request message is built from path and query. */
export interface PathRequest {
  readonly kind: 'path';
  /** Names of the allowed query parameters. A request with another parameter is refused. */
  readonly query: readonly string[];
  /** Returns the JSON mapping of the request message. May throw SumError. */
  readonly build: (parts: PathParts) => JsonValue;
}

interface PathParts {
  /** Path parameters by name, percent-decoded. */
  readonly params: Readonly<Record<string, string>>;
  /** Query parameters by name, percent-decoded. */
  readonly query: Readonly<Record<string, string>>;
}
