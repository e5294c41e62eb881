/** Address and user of PostgreSQL, and how its certificate is checked. */
export interface StoreTarget {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: string;
  readonly tls: StoreTls;
}

/**
 * How the connection is protected:
 *   off         plaintext
 *   unverified  encrypted, with any certificate (libpq's "require")
 *   verified    encrypted, with a certificate for this host that a trusted CA signed
 */
export type StoreTls = 'off' | 'unverified' | 'verified';

/** The URI cannot be used. The message is a sentence without its subject ("has ..."). It never quotes the password. */
export class StoreUriError extends Error {
  override name = 'StoreUriError';
}

const example = 'postgres://user:password@host:5432/database';

/**
 * Parses a URI of PostgreSQL. Throws StoreUriError. TLS parameters work as in libpq. An unknown parameter is refused,
 * because it could request encryption. If `hasCa` is true, a CA is configured: then the certificate is always verified.
 */
export function parseStoreUri(text: string, { hasCa }: { hasCa: boolean }): StoreTarget {
  const uri = URL.parse(text);
  if (uri === null) throw new StoreUriError(`is not a URI such as ${example}`);
  const isPostgres = uri.protocol === 'postgres:' || uri.protocol === 'postgresql:';
  if (!isPostgres || uri.hostname === '' || uri.pathname.length < 2 || uri.username === '') {
    throw new StoreUriError(`must be ${example}, with all parts`);
  }
  if (uri.hash !== '') throw new StoreUriError('has a "#": write it as %23');
  return {
    host: uri.hostname.replace(/^\[|\]$/g, ''),
    port: uri.port === '' ? 5432 : Number(uri.port),
    database: decode('database', uri.pathname.slice(1)),
    user: decode('user', uri.username),
    password: decode('password', uri.password),
    tls: readTls(readParameters(uri.searchParams), hasCa),
  };
}

function decode(what: string, encoded: string): string {
  try {
    return decodeURIComponent(encoded);
  } catch {
    throw new StoreUriError(`has a ${what} that is not percent-encoded: write a % in it as %25`);
  }
}

const known = ['sslmode', 'ssl', 'sslrootcert'] as const;
type Parameters = Partial<Record<(typeof known)[number], string>>;

/** Parameters that users copy from other programs, and what to write instead. */
const cures: Readonly<Record<string, string>> = {
  sslcert: 'client certificates are not supported',
  sslkey: 'client certificates are not supported',
  sslpassword: 'client certificates are not supported',
  host: 'write the host before the database',
  hostaddr: 'write the host before the database',
  port: 'write the port after the host, as host:port',
  dbname: 'write the database after the host, as host/database',
  user: 'write the user before the host, as user:password@host',
  password: 'write the password before the host, as user:password@host',
};

function readParameters(search: URLSearchParams): Parameters {
  const parameters: Parameters = {};
  for (const [name, value] of search) {
    const parameter = known.find((one) => one === name);
    if (parameter === undefined) {
      const meant = known.find((one) => one === name.toLowerCase());
      const cure = meant === undefined ? (cures[name] ?? 'remove it') : `write it as ${meant}`;
      throw new StoreUriError(`has the parameter "${name.slice(0, 60)}", which is not supported: ${cure}`);
    }
    if (parameters[parameter] !== undefined) throw new StoreUriError(`has ${parameter} twice: keep one`);
    parameters[parameter] = value;
  }
  return parameters;
}

function readTls({ ssl, sslmode: mode, sslrootcert }: Parameters, hasCa: boolean): StoreTls {
  if (ssl !== undefined && ssl !== 'true') throw new StoreUriError(`has ssl=${shown(ssl)}: use sslmode instead`);
  if (ssl !== undefined && mode !== undefined) throw new StoreUriError('has both ssl and sslmode: keep sslmode');
  if (sslrootcert !== undefined && sslrootcert !== 'system') {
    throw new StoreUriError(
      'has sslrootcert with a path, but no such file is mounted: remove it and put the CA into a Secret that ' +
        'spec.store.postgres.caSecretRef names',
    );
  }
  // JDBC writes "ssl=true", which libpq reads as sslmode=require.
  const sslmode = ssl === 'true' ? 'require' : (mode ?? (sslrootcert === undefined ? undefined : 'verify-full'));
  switch (sslmode) {
    case undefined:
      return hasCa ? 'verified' : 'off';
    case 'disable':
      if (hasCa) throw new StoreUriError('has sslmode=disable, but a CA is given: remove one of them');
      if (sslrootcert !== undefined) throw new StoreUriError('has sslmode=disable and sslrootcert: remove one of them');
      return 'off';
    case 'require':
      if (sslrootcert !== undefined) throw new StoreUriError('has sslrootcert=system: use sslmode=verify-full with it');
      return hasCa ? 'verified' : 'unverified';
    case 'verify-ca':
    case 'verify-full':
      return 'verified';
    case 'allow':
    case 'prefer':
      throw new StoreUriError(
        `has sslmode=${sslmode}, which falls back to plaintext: use disable, require or verify-full`,
      );
    default:
      throw new StoreUriError(`has sslmode=${shown(sslmode)}: use disable, require or verify-full`);
  }
}

function shown(value: string): string {
  return value.slice(0, 60);
}
