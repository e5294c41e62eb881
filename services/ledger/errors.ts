import { BatchDataError, BooksError, FencedError, StoreIdentityError, StoreUnavailableError } from './port.ts';

/** An error of pg. If the server sent it, `code` is its SQLSTATE. */
interface PostgresFailure {
  readonly code?: string;
  readonly message: string;
  readonly detail?: string;
  readonly constraint?: string;
  /** The domain that refused a value. Undefined if a CHECK of a table refused it. */
  readonly dataType?: string;
}

/** Turns any error of pg into an error of port.ts. The class of the result says what the caller must do next. */
export function toLedgerError(error: unknown, sources: { uri: string; ca: string | undefined }): Error {
  if (!(error instanceof Error)) return new StoreUnavailableError('StoreError', String(error));
  if (error instanceof StoreUnavailableError) return error;
  const failure = error as PostgresFailure;
  const code = failure.code ?? '';
  const detail = failure.detail ?? failure.message;
  if (code === 'SP001') return new FencedError(detail, { cause: error });
  if (code === 'SP002' || code === 'SP003') return new BooksError(failure.message, detail, error);
  if (code === 'SP004') return new StoreIdentityError(failure.message, identityAdvice(failure.message, detail), error);
  // Codes that begin with 22 are data exceptions. 23514 means that a domain or a CHECK of a table refused a value. For
  // a data exception or a domain, a record of this batch is bad, and it can be parked. But if the CHECK of a table
  // fails, the tables are wrong: then no record may be parked.
  const isDomain = code === '23514' && failure.dataType !== undefined;
  if (code.startsWith('22') || isDomain) return new BatchDataError(failure.message, { cause: error });
  if (code === '23514' || failure.constraint === 'position_counted_once') {
    return new BooksError('LawViolated', `${failure.message} (${detail})`, error);
  }
  if (code.startsWith('23')) return new BooksError('ConstraintViolated', `${failure.message} (${detail})`, error);
  return unavailable(failure, code, sources, error);
}

function unavailable(
  failure: PostgresFailure,
  code: string,
  sources: { uri: string; ca: string | undefined },
  cause: Error,
): StoreUnavailableError {
  const ca = sources.ca ?? 'no CA was given: set store.postgres.caSecretRef';
  switch (code) {
    case '28P01':
    case '28000':
      return new StoreUnavailableError(
        'AuthenticationFailed',
        `PostgreSQL refused the user or password in ${sources.uri}: ${failure.message}`,
        cause,
      );
    case '3D000':
      return new StoreUnavailableError(
        'DatabaseMissing',
        `${failure.message}: create it, or correct the URI in ${sources.uri}`,
        cause,
      );
    case '42704':
      // Every connection sets transaction_timeout, which PostgreSQL knows since version 17.
      return new StoreUnavailableError(
        'PostgresTooOld',
        `PostgreSQL of ${sources.uri} is too old: use PostgreSQL 17 or newer (${failure.message})`,
        cause,
      );
    case '55P03':
      return new StoreUnavailableError(
        'SchemaLocked',
        `the schema in PostgreSQL of ${sources.uri} is locked, possibly by the migration of another aggregator; retrying`,
        cause,
      );
    case '42501':
      return new StoreUnavailableError(
        'PermissionDenied',
        `PostgreSQL refuses the user in ${sources.uri}: ${failure.message}. Grant CREATE on the database to the user, ` +
          'or create a schema that the user owns',
        cause,
      );
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
    case 'CERT_SIGNATURE_FAILURE':
      return new StoreUnavailableError(
        'CertificateRefused',
        `PostgreSQL's certificate is not signed by the CA (${ca})`,
        cause,
      );
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return new StoreUnavailableError(
        'CertificateRefused',
        `PostgreSQL's certificate is for another host: ${failure.message}`,
        cause,
      );
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
    case 'ECONNREFUSED':
    case 'EHOSTUNREACH':
    case 'ETIMEDOUT':
      return new StoreUnavailableError(
        'Unreachable',
        `PostgreSQL of ${sources.uri} cannot be reached: ${failure.message}`,
        cause,
      );
    default:
      break;
  }
  if (silences.has(failure.message)) {
    return new StoreUnavailableError('Unreachable', `PostgreSQL of ${sources.uri} does not respond`, cause);
  }
  return new StoreUnavailableError('StoreError', failure.message, cause);
}

/** Messages of pg's own timeouts, which have no code. */
const silences: ReadonlySet<string> = new Set([
  'Connection terminated due to connection timeout',
  'timeout exceeded when trying to connect',
  'timeout expired',
  'Query read timeout',
]);

function identityAdvice(reason: string, detail: string): string {
  switch (reason) {
    case 'StoreInUse':
      return `${detail}: delete this SumPipeline and create it again with another store.postgres.schema`;
    case 'LogChanged':
      return (
        `${detail}. Nothing was changed. Point the pipeline back at the log that was counted, or ` +
        'create a new SumPipeline with a new schema and topic'
      );
    default:
      return detail;
  }
}
