import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Client, type ClientConfig } from 'pg';
import { z } from 'zod';
import { keepServerCertificate, type ServerCertificate } from '#lab/certificates/serverCertificate.ts';
import { spawnChild } from '#lab/process/child.ts';
import { Keeper, type RestartPolicy } from '#lab/process/keeper.ts';
import { findFreePort, isPortFree } from '#lab/process/ports.ts';
import { waitFor } from '#lab/process/wait.ts';
import { type Progress, silentProgress } from '#lab/progress.ts';
import { endOrphans, initialiseData, removeStalePidFile } from './data.ts';
import { postgresRuntime } from './runtime.ts';
import { giveTo, requireReachable, serverUser, type UserIds } from './user.ts';

export interface PostgresOptions {
  /** Folder for data, certificate, password and log file. An empty or missing folder becomes a new server. */
  readonly dir: string;
  /** The address that clients connect to. The server always listens on 127.0.0.1 too. Default 127.0.0.1. */
  readonly host?: string;
  /** Default: the port of the last start if it is free, otherwise any free port. */
  readonly port?: number;
  /** If false, commits are faster, but a power cut may lose data. Use false only for throw-away data. Default true. */
  readonly fsync?: boolean;
  /** What to do when the server dies. Default: the server is not restarted. */
  readonly restart?: RestartPolicy;
  /** Default: silent. */
  readonly progress?: Progress;
}

/** A running PostgreSQL 18 that speaks TLS only, with passwords as SCRAM-SHA-256. */
export interface Postgres extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  /** Name of a superuser. */
  readonly user: string;
  readonly password: string;
  /** The CA that signed the server's certificate, for `ssl: {ca}`. */
  readonly caPem: string;
  readonly logFile: string;
  /** Process id of the postmaster. Undefined while it is down. */
  readonly pid: number | undefined;
  /**
   * Returns `postgresql://user:password@host:port/database`. Default database: `postgres`. The client must add TLS.
   */
  uri(database?: string): string;
  /** Returns what `pg` needs to connect, certificate check included. */
  clientConfig(database?: string): ClientConfig;
  /** Makes an empty database and returns its URI. */
  createDatabase(name: string): Promise<string>;
  /** Kills the postmaster with kill -9, and then the backends that do not notice its end. */
  kill(): Promise<void>;
  /** Starts again after `kill()` or `stop()`. */
  start(): Promise<void>;
  /** Calls `stop()` and `start()`. */
  restart(): Promise<void>;
  /** Shuts PostgreSQL down, fast and cleanly. */
  stop(): Promise<void>;
}

const superuser = 'postgres';
const readyTimeoutMs = 60_000;
const stateSchema = z.object({ port: z.number(), password: z.string() });
type State = z.infer<typeof stateSchema>;

/** Starts a real PostgreSQL in `dir` and waits until it responds over TLS. If `dir` is empty, runs initdb first. */
export async function startPostgres(options: PostgresOptions): Promise<Postgres> {
  const { host = '127.0.0.1', fsync = true, progress = silentProgress, restart } = options;
  const dir = resolve(options.dir);
  const runtime = await postgresRuntime(progress);
  const user = await serverUser();
  await mkdir(dir, { recursive: true });
  // The server's user must be able to enter the folder. The files inside have their own permissions.
  await chmod(dir, 0o711);
  await requireReachable(user, dir);
  await requireReachable(user, runtime);

  const data = join(dir, 'data');
  // Check before anything is written, because another process may have started PostgreSQL on this folder.
  await removeStalePidFile(data);
  const kept = await readState(dir);
  const password = kept?.password ?? randomBytes(18).toString('base64url');
  const port = options.port ?? (await choosePort(host, kept?.port));
  const logFile = join(dir, 'postgres.log');
  if (!kept) await initialiseData({ runtime, dir, data, user, superuser, password, fsync, logFile });
  if (port !== kept?.port) await writeState(dir, { port, password });
  const tls = await keepServerCertificate(join(dir, 'certificate.json'), {
    commonName: 'PostgreSQL',
    hosts: [...new Set([host, '127.0.0.1', 'localhost'])],
  });
  await writeServerFiles({ dir, user, tls });

  const clientConfig = (database = 'postgres'): ClientConfig => ({
    host,
    port,
    user: superuser,
    password,
    database,
    ssl: { ca: tls.caPem, rejectUnauthorized: true },
  });
  const keeper = new Keeper({
    name: 'PostgreSQL',
    async launch() {
      await removeStalePidFile(data);
      await endOrphans(data);
      return spawnChild({
        command: join(runtime, 'bin', 'postgres'),
        args: serverArguments({ dir, data, host, port, fsync }),
        logFile,
        ...(user ? { user } : {}),
        // The caller's PGDATA, PGPORT and similar variables concern another server.
        env: { LC_ALL: 'C.UTF-8', TZ: 'UTC' },
        // SIGQUIT is an immediate shutdown. Unlike SIGKILL it also ends the backends and frees the shared memory.
        parentDeathSignal: 'QUIT',
      });
    },
    ready: (signal) =>
      waitFor({ what: `PostgreSQL on ${host}:${port} to respond`, timeoutMs: readyTimeoutMs, signal }, () =>
        answers(clientConfig()),
      ),
    stopSignal: 'SIGINT',
    stopTimeoutMs: 30_000,
    restart,
  });
  await progress.step(`Start PostgreSQL on ${host}:${port}`, () => keeper.start(), { log: logFile });

  const uri = (database = 'postgres') => `postgresql://${superuser}:${password}@${host}:${port}/${database}`;
  return {
    host,
    port,
    user: superuser,
    password,
    caPem: tls.caPem,
    logFile,
    get pid() {
      return keeper.pid;
    },
    uri,
    clientConfig,
    async createDatabase(name) {
      await withClient(clientConfig(), (client) => client.query(`CREATE DATABASE ${client.escapeIdentifier(name)}`));
      return uri(name);
    },
    async kill() {
      await keeper.kill();
      if (!restart) await endOrphans(data);
    },
    start: () => keeper.start(),
    async restart() {
      await keeper.stop();
      await keeper.start();
    },
    stop: () => keeper.stop(),
    [Symbol.asyncDispose]: () => keeper.stop(),
  };
}

function serverArguments(server: { dir: string; data: string; host: string; port: number; fsync: boolean }): string[] {
  const { dir, data, host, port, fsync } = server;
  const settings = {
    listen_addresses: [...new Set([host, '127.0.0.1'])].join(','),
    // Use only TCP: the path of a Unix socket has at most 107 bytes, and the path of a test's folder is often longer.
    unix_socket_directories: '',
    hba_file: join(dir, 'pg_hba.conf'),
    ssl: 'on',
    ssl_cert_file: join(dir, 'server.crt'),
    ssl_key_file: join(dir, 'server.key'),
    fsync: fsync ? 'on' : 'off',
    synchronous_commit: fsync ? 'on' : 'off',
    full_page_writes: fsync ? 'on' : 'off',
    max_connections: '200',
    // Keep shared memory in files of the data folder: /dev/shm of a container often has 64 MB, and kill -9 would
    // leave files there.
    dynamic_shared_memory_type: 'mmap',
  };
  return [
    '-D',
    data,
    '-p',
    String(port),
    ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ];
}

async function writeServerFiles({
  dir,
  user,
  tls,
}: {
  dir: string;
  user: UserIds | undefined;
  tls: ServerCertificate;
}): Promise<void> {
  const files = {
    // Include the CA in the chain, as Kafka does. So a client that does not trust the CA gets the same error from both.
    'server.crt': `${tls.certPem}${tls.caPem}`,
    'server.key': tls.keyPem,
    // Plaintext connections match no line and are refused.
    'pg_hba.conf': 'hostssl all all all scram-sha-256\n',
  };
  for (const [name, text] of Object.entries(files)) {
    const file = join(dir, name);
    await rm(file, { force: true });
    await writeFile(file, text, { mode: 0o600 });
    await giveTo(user, file);
  }
}

async function choosePort(host: string, last: number | undefined): Promise<number> {
  if (last !== undefined && (await isPortFree(host, last))) return last;
  return findFreePort(host);
}

async function answers(config: ClientConfig): Promise<true> {
  await withClient({ ...config, connectionTimeoutMillis: 5_000 }, (client) => client.query('SELECT 1'));
  return true;
}

async function withClient<Result>(config: ClientConfig, use: (client: Client) => Promise<Result>): Promise<Result> {
  const client = new Client(config);
  // Without this listener the end of an idle connection would end our process. The next query reports the error.
  client.on('error', () => {});
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}

async function readState(dir: string): Promise<State | undefined> {
  try {
    return stateSchema.parse(JSON.parse(await readFile(join(dir, 'state.json'), 'utf8')));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new Error(
      `${join(dir, 'state.json')} is not a state file of this lab; move the folder away and start again`,
      {
        cause: error,
      },
    );
  }
}

/** Writes the state file. It is written last and by a rename, so a folder that contains it holds a complete server. */
async function writeState(dir: string, state: State): Promise<void> {
  const file = join(dir, 'state.json');
  await writeFile(`${file}.new`, JSON.stringify(state), { mode: 0o600 });
  await rename(`${file}.new`, file);
}
