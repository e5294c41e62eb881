import type { DescMethodUnary, DescService, JsonValue, MessageShape } from '@bufbuild/protobuf';

/** Bounds of one call, given by the edge: a handler answers before the deadline or stops when the signal is aborted. */
export interface CallContext {
  /** Milliseconds since the Unix epoch. */
  readonly deadline: number;
  /** Aborted when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
}

/** One handler per method of a service whose methods are all unary; it throws SumError for what the client should see. */
export type ServiceHandlers<Service extends DescService> = {
  readonly [Name in keyof Service['method']]: Service['method'][Name] extends DescMethodUnary<infer Input, infer Output>
    ? (request: MessageShape<Input>, call: CallContext) => Promise<MessageShape<Output>>
    : never;
};

/** How one method looks in HTTP. The answer is always the JSON mapping of the method's response. */
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
  /** JSON names of fields that hold decimals: there a JSON number is taken by its raw text, never as a float. */
  readonly decimals: readonly string[];
}

/** The request message is built from path and query. */
export interface PathRequest {
  readonly kind: 'path';
  /** Names that the query may hold; any other is refused. */
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
