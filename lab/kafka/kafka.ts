import { randomBytes, randomUUID } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { KafkaConfig } from 'kafkajs';
import { keepServerCertificate } from '#lab/certificates/serverCertificate.ts';
import { Keeper, type RestartPolicy } from '#lab/process/keeper.ts';
import { fetchJars } from '#lab/process/maven.ts';
import { findProcesses } from '#lab/process/processes.ts';
import { waitFor } from '#lab/process/wait.ts';
import { type Progress, silentProgress } from '#lab/progress.ts';
import { archiveClasses } from './classes.ts';
import { alterScramUser, formatStorage } from './commands.ts';
import { spawnJava } from './java.ts';
import { answersApiVersions } from './ready.ts';
import { buildProperties, type KafkaNode } from './settings.ts';
import { chooseNodes, describeCount, readState, writeState } from './state.ts';

export interface KafkaOptions {
  /** Folder for data, certificate, password and log files. An empty or missing folder becomes a new cluster. */
  readonly dir: string;
  /** The address of the SASL_SSL listener, which clients dial. Default 127.0.0.1. */
  readonly host?: string;
  /** Number of nodes, 1 or 3. Throws if `dir` has a cluster with another number. Default: as in `dir`, otherwise 1. */
  readonly nodes?: 1 | 3;
  /**
   * The SASL_SSL port of each node. Default: the ports of the last start if they are free, otherwise any free ports.
   */
  readonly ports?: readonly number[];
  /** Maximum size of the heap of one node, in the format of -Xmx. Default 256m. */
  readonly heap?: string;
  /** What to do when a node dies. Default: the node is not restarted. */
  readonly restart?: RestartPolicy;
  /** Default: silent. */
  readonly progress?: Progress;
}

/** A running Apache Kafka 4.3.1 (KRaft) with SASL_SSL, SCRAM-SHA-512 and ACLs. Auto-creation of topics is off. */
export interface Kafka extends AsyncDisposable {
  readonly clusterId: string;
  /** `host:port` of each node's SASL_SSL listener, separated by commas. */
  readonly bootstrapServers: string;
  /** `host:port` of each node's PLAINTEXT listener on loopback, separated by commas. Its clients may do everything. */
  readonly plaintextBootstrapServers: string;
  /** The CA that signed the brokers' certificate. */
  readonly caPem: string;
  /** Name of a super user. */
  readonly username: string;
  readonly password: string;
  readonly nodeIds: readonly number[];
  /** Returns what kafkajs needs to connect to the SASL_SSL listener as the super user, certificate check included. */
  clientConfig(): KafkaConfig;
  /** Adds a user without any permission, or changes its password. Permissions are ACLs: kafkajs `admin.createAcls`. */
  addUser(user: { readonly username: string; readonly password: string }): Promise<void>;
  logFile(nodeId: number): string;
  /** Returns the process id of a node. Undefined while the node is down. */
  pid(nodeId: number): number | undefined;
  /** Ends one node with kill -9. */
  kill(nodeId: number): Promise<void>;
  /** Starts a node again after `kill()`, `stopNode()` or `stop()`, and waits until it responds. */
  start(nodeId: number): Promise<void>;
  /** Shuts one node down cleanly. */
  stopNode(nodeId: number): Promise<void>;
  /** Shuts all nodes down cleanly. */
  stop(): Promise<void>;
}

const brokerClass = 'kafka.Kafka';
const username = 'admin';
const loopback = '127.0.0.1';
const readyTimeoutMs = 90_000;
/**
 * Maximum time for the clean end of a node, in milliseconds. A node needs a quorum of controllers for a clean end. If
 * all nodes stop at the same time, the last node may have no quorum. It is then killed after this time.
 */
const stopTimeoutMs = 10_000;
/**
 * Maximum time for the end of the broker that records classes, in milliseconds: the JVM writes its archive when it
 * exits.
 */
const trainingStopMs = 120_000;

/** Starts a real Kafka in `dir` and waits until every node responds. If `dir` is new, formats it first. */
export async function startKafka(options: KafkaOptions): Promise<Kafka> {
  const { progress = silentProgress } = options;
  const jars = await fetchJars({ name: 'kafka', pomFile: join(import.meta.dirname, 'pom.xml'), progress });
  const archive = await archiveClasses({
    jars,
    progress,
    async train(dir, jvmOptions) {
      const kafka = await startNodes({ dir }, { jars, jvmOptions, stopTimeoutMs: trainingStopMs });
      await kafka.stop();
    },
  });
  return startNodes(options, { jars, jvmOptions: archive ? [`-XX:SharedArchiveFile=${archive}`] : [], stopTimeoutMs });
}

async function startNodes(
  options: KafkaOptions,
  { jars, jvmOptions, stopTimeoutMs }: { jars: string; jvmOptions: readonly string[]; stopTimeoutMs: number },
): Promise<Kafka> {
  const { host = loopback, heap = '256m', progress = silentProgress, restart } = options;
  const dir = resolve(options.dir);
  await mkdir(dir, { recursive: true, mode: 0o700 });
  await requireUnused(dir);

  const kept = await readState(dir);
  const nodes = await chooseNodes({ host, loopback, kept: kept?.nodes, count: options.nodes, ports: options.ports });
  const clusterId = kept?.clusterId ?? Buffer.from(randomUUID().replaceAll('-', ''), 'hex').toString('base64url');
  const password = kept?.password ?? randomBytes(18).toString('base64url');
  const caPem = await writeSettings({ dir, host, nodes });
  if (!kept) {
    await progress.step(`Format Kafka for ${describeCount(nodes.length)}`, () =>
      Promise.all(nodes.map((node) => formatNode({ jars, dir, node, clusterId, password }))),
    );
  }
  await writeState(dir, { clusterId, password, nodes });

  const logFile = (id: number) => join(dir, `node-${id}.log`);
  const keepers = new Map(
    nodes.map((node) => {
      const keeper = new Keeper({
        name: nodes.length === 1 ? 'Kafka' : `Kafka node ${node.id}`,
        launch: () =>
          spawnJava({
            jars,
            mainClass: brokerClass,
            args: [propertiesFile(dir, node)],
            heap,
            jvmOptions,
            logFile: logFile(node.id),
            crashDir: dir,
          }),
        ready: (signal) => waitUntilReady({ node, host, caPem, signal }),
        stopSignal: 'SIGTERM',
        stopTimeoutMs,
        restart,
      });
      return [node.id, keeper];
    }),
  );
  const stop = async () => {
    await Promise.all([...keepers.values()].map((keeper) => keeper.stop()));
  };

  const bootstrapServers = nodes.map(({ securePort }) => `${host}:${securePort}`).join(',');
  const plaintextBootstrapServers = nodes.map(({ plaintextPort }) => `${loopback}:${plaintextPort}`).join(',');
  await progress.step(`Start Kafka on ${bootstrapServers}`, async () => {
    const outcomes = await Promise.allSettled([...keepers.values()].map((keeper) => keeper.start()));
    const failed = outcomes.find((outcome) => outcome.status === 'rejected');
    if (!failed) return;
    await stop();
    throw failed.reason;
  });

  const keeperOf = (id: number): Keeper => {
    const keeper = keepers.get(id);
    if (!keeper) throw new Error(`Kafka has no node ${id}, only ${[...keepers.keys()].join(', ')}`);
    return keeper;
  };
  return {
    clusterId,
    bootstrapServers,
    plaintextBootstrapServers,
    caPem,
    username,
    password,
    nodeIds: nodes.map(({ id }) => id),
    clientConfig: () => ({
      brokers: bootstrapServers.split(','),
      ssl: { ca: [caPem], rejectUnauthorized: true },
      sasl: { mechanism: 'scram-sha-512', username, password },
    }),
    addUser: (user) =>
      alterScramUser(
        { jars, dir, logFile: join(dir, 'users.log') },
        { bootstrapServers: plaintextBootstrapServers, ...user },
      ),
    logFile,
    pid: (id) => keeperOf(id).pid,
    kill: (id) => keeperOf(id).kill(),
    start: (id) => keeperOf(id).start(),
    stopNode: (id) => keeperOf(id).stop(),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** Throws if another Kafka runs on this folder. Called before anything is written. */
async function requireUnused(dir: string): Promise<void> {
  const found = await findProcesses(join(dir, 'node-'));
  const other = found.find(({ commandLine }) => commandLine.includes(brokerClass));
  if (other) throw new Error(`Kafka already runs on ${dir} as process ${other.pid}: stop that process first`);
}

/** Writes the files that the brokers read at their start, and returns the CA that clients must trust. */
async function writeSettings(request: { dir: string; host: string; nodes: readonly KafkaNode[] }): Promise<string> {
  const { dir, host, nodes } = request;
  const { caPem, certPem, keyPem } = await keepServerCertificate(join(dir, 'certificate.json'), {
    commonName: 'Kafka',
    hosts: [...new Set([host, loopback, 'localhost'])],
  });
  const keyStore = join(dir, 'keystore.pem');
  const trustStore = join(dir, 'truststore.pem');
  await writeFile(keyStore, `${keyPem}${certPem}${caPem}`, { mode: 0o600 });
  await writeFile(trustStore, caPem);
  for (const node of nodes) {
    const dataDir = dataFolder(dir, node);
    const properties = buildProperties({ node, nodes, host, dataDir, keyStore, trustStore, adminName: username });
    await writeFile(propertiesFile(dir, node), properties);
  }
  return caPem;
}

/**
 * Formats the folder of a node. The state file is written after all folders are formatted. So a folder with data and
 * without a state file comes from an interrupted format.
 */
async function formatNode(request: {
  jars: string;
  dir: string;
  node: KafkaNode;
  clusterId: string;
  password: string;
}): Promise<void> {
  const { jars, dir, node, clusterId, password } = request;
  await rm(dataFolder(dir, node), { recursive: true, force: true });
  const logFile = join(dir, `format-${node.id}.log`);
  await formatStorage(
    { jars, dir, logFile },
    { propertiesFile: propertiesFile(dir, node), clusterId, username, password },
  );
}

/**
 * Waits until both listeners of a node respond. Both must be checked, because another process may use the port of one
 * listener.
 */
function waitUntilReady(request: { node: KafkaNode; host: string; caPem: string; signal: AbortSignal }): Promise<true> {
  const { node, host, caPem, signal } = request;
  const what = `Kafka on ${host}:${node.securePort} to respond`;
  return waitFor({ what, timeoutMs: readyTimeoutMs, signal }, async () => {
    await answersApiVersions({ host: loopback, port: node.plaintextPort });
    return answersApiVersions({ host, port: node.securePort, caPem });
  });
}

function propertiesFile(dir: string, { id }: KafkaNode): string {
  return join(dir, `node-${id}.properties`);
}

function dataFolder(dir: string, { id }: KafkaNode): string {
  return join(dir, `node-${id}`);
}
