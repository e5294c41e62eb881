/**
 * The calls of a virtual user to a pipeline. k6 and our own driver each have an implementation. The code in this
 * folder works with both.
 */
export interface LoadApi {
  /** Tries once to add. Never rejects: an unknown outcome is also a result. */
  add(protocol: Protocol, addition: LoadAddition): Promise<AddOutcome>;
  /** Reads the addition of a request id, if it was counted. */
  findAddition(requestId: string): Promise<ReadOutcome<CountedAddition>>;
  /** Reads the total of a series, once every position of `atLeast` is counted. */
  readTotal(series: string, atLeast: readonly LoadPosition[]): Promise<ReadOutcome<CountedTotal>>;
  readProof(): Promise<ReadOutcome<LoadProof>>;
}

export type Protocol = 'grpc' | 'http';

export interface LoadAddition {
  readonly requestId: string;
  readonly series: string;
  readonly a: string;
  readonly b: string;
}

export interface LoadPosition {
  readonly partition: number;
  readonly offset: bigint;
}

export type AddOutcome =
  | { readonly kind: 'acknowledged'; readonly result: string; readonly position: LoadPosition }
  /** The addition may or may not be in the log: send the same request id again. */
  | { readonly kind: 'retry'; readonly reason: string }
  /** The service refused the addition, and would refuse it again. */
  | { readonly kind: 'refused'; readonly reason: string };

export type ReadOutcome<Value> =
  | { readonly kind: 'found'; readonly value: Value }
  /** The service has no such series or request id. */
  | { readonly kind: 'absent' }
  | { readonly kind: 'retry'; readonly reason: string }
  | { readonly kind: 'refused'; readonly reason: string };

export interface CountedAddition {
  readonly series: string;
  readonly result: string;
}

export interface CountedTotal {
  readonly total: string;
  readonly count: bigint;
}

export interface LoadProof {
  readonly exact: boolean;
  readonly reason: string;
  readonly message: string;
}
