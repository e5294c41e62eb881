import { randomBytes, randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import type { KafkaConfig } from 'kafkajs';
import { z } from 'zod';
import { keepServerCertificate } from '#tools/process/certificate.ts';
import { describeExit } from '#tools/process/child.ts';
import { Keeper, type RestartPolicy } from '#tools/process/keeper.ts';
import { fetchJars } from '#tools/process/maven.ts';
import { findFreePort, isPortFree } from '#tools/process/ports.ts';
import { findProcesses } from '#tools/process/processes.ts';
import { waitFor } from '#tools/process/wait.ts';
import { type Progress, readLogTail, silentProgress } from '#tools/progress.ts';
import { spawnJava } from './java.ts';
import { answersApiVersions } from './ready.ts';
import { buildProperties, type KafkaNode } from './settings.ts';

export interface KafkaOptions {
  /** Holds the data, certificate, password and logs. An empty or absent folder becomes a new cluster. */
  readonly dir: string;
  /** The address of the SASL_SSL listener, which clients dial. Default 127.0.0.1. */
  readonly host?: string;
  /** 1 or 3; a kept cluster keeps its number. Default 1. */
  readonly nodes?: 1 | 3;
  /** The SASL_SSL port of each node. Default: those of the last start when they are free, else any free ones. */
  readonly ports?: readonly number[];
  /** The largest heap of one node, as -Xmx takes it. Default 256m. */
  readonly heap?: string;
  /** Bring a node back when it dies. Default: it stays dead. */
  readonly restart?: RestartPolicy;
  /** Default: says nothing. */
  readonly progress?: Progress;
}

/** A running Apache Kafka 4.3.1 (KRaft) with SASL_SSL, SCRAM-SHA-512 and ACLs; auto-creation of topics is off. */
export interface Kafka extends AsyncDisposable {
  readonly clusterId: string;
  /** `host:port` of each node's SASL_SSL listener, with commas. */
  readonly bootstrapServers: string;
  /** The same for the PLAINTEXT listeners on loopback, whose callers may do everything. */
  readonly plaintextBootstrapServers: string;
  /** The CA that signed the brokers' certificate. */
  readonly caPem: string;
  /** A super user. */
  readonly username: string;
  readonly password: string;
  readonly nodeIds: readonly number[];
  /** What kafkajs needs to connect to the SASL_SSL listener as the super user, certificate check included. */
  clientConfig(): KafkaConfig;
  /** Adds a user without any right, or changes its password. Rights are ACLs: kafkajs `admin.createAcls`. */
  addUser(user: { readonly username: string; readonly password: string }): Promise<void>;
  logFile(nodeId: number): string;
  /** Undefined while the node is down. */
  pid(nodeId: number): number | undefined;
  /** kill -9 of one node. */
  kill(nodeId: number): Promise<void>;
  /** Starts a node again after `kill()`, `stopNode()` or `stop()`, and waits until it answers. */
  start(nodeId: number): Promise<void>;
  /** A controlled shutdown of one node. */
  stopNode(nodeId: number): Promise<void>;
  /** A controlled shutdown of all nodes. */
  stop(): Promise<void>;
}

const brokerClass = 'kafka.Kafka';
const username = 'admin';
const loopback = '127.0.0.1';
const readyTimeoutMs = 90_000;
/** A controlled shutdown needs a quorum of controllers; when all nodes stop at once the last one may never get it. */
const stopTimeoutMs = 10_000;

const nodeSchema = z.object({
  id: z.number(),
  securePort: z.number(),
  plaintextPort: z.number(),
  controllerPort: z.number(),
});
const stateSchema = z.object({ clusterId: z.string(), password: z.string(), nodes: z.array(nodeSchema).min(1) });
type State = z.infer<typeof stateSchema>;

/** Starts a real Kafka in `dir`, formatting it first when it is new, and waits until every node answers. */
export async function startKafka(options: KafkaOptions): Promise<Kafka> {
  const { host = loopback, heap = '256m', progress = silentProgress, restart } = options;
  const dir = resolve(options.dir);
  const jars = await fetchJars({ name: 'kafka', pomFile: join(import.meta.dirname, 'pom.xml'), progress });
  // The parents first and apart: the mode would close them too, and others' servers live beside us.
  await mkdir(dirname(dir), { recursive: true });
  await mkdir(dir, { recursive: true, mode: 0o700 });

  await requireUnused(dir);
  const kept = await readState(dir);
  const nodes = await choosePorts({ host, kept: kept?.nodes, count: options.nodes, ports: options.ports });
  const clusterId = kept?.clusterId ?? Buffer.from(randomUUID().replaceAll('-', ''), 'hex').toString('base64url');
  const password = kept?.password ?? randomBytes(18).toString('base64url');
  const tls = await keepServerCertificate(join(dir, 'certificate.json'), {
    commonName: 'Kafka',
    hosts: [...new Set([host, loopback, 'localhost'])],
  });
  const keyStore = join(dir, 'keystore.pem');
  const trustStore = join(dir, 'truststore.pem');
  await writeFile(keyStore, `${tls.keyPem}${tls.certPem}${tls.caPem}`, { mode: 0o600 });
  await writeFile(trustStore, tls.caPem);
  for (const node of nodes) {
    const dataDir = join(dir, `node-${node.id}`);
    await writeFile(
      propertiesFile(dir, node.id),
      buildProperties({ node, nodes, host, dataDir, keyStore, trustStore, adminName: username }),
    );
  }
  if (!kept) {
    await progress.step(`Format Kafka for ${nodes.length === 1 ? '1 node' : `${nodes.length} nodes`}`, () =>
      Promise.all(nodes.map(({ id }) => formatNode({ jars, dir, id, clusterId, password }))),
    );
  }
  await writeState(dir, { clusterId, password, nodes });

  const logFile = (id: number) => join(dir, `node-${id}.log`);
  const keepers = new Map(
    nodes.map((node) => [
      node.id,
      new Keeper({
        name: nodes.length === 1 ? 'Kafka' : `Kafka node ${node.id}`,
        launch: () =>
          spawnJava({
            jars,
            mainClass: brokerClass,
            args: [propertiesFile(dir, node.id)],
            heap,
            logFile: logFile(node.id),
            crashDir: dir,
          }),
        // Each listener binds by itself: one may answer while another finds its port taken.
        ready: (signal) =>
          waitFor(
            { what: `Kafka on port ${node.securePort} to answer`, timeoutMs: readyTimeoutMs, signal },
            async () => {
              await answersApiVersions({ host: loopback, port: node.plaintextPort });
              return answersApiVersions({ host, port: node.securePort, caPem: tls.caPem });
            },
          ),
        stopSignal: 'SIGTERM',
        stopTimeoutMs,
        restart,
      }),
    ]),
  );
  const keeperOf = (id: number): Keeper => {
    const keeper = keepers.get(id);
    if (!keeper) throw new Error(`Kafka has no node ${id}, only ${[...keepers.keys()].join(', ')}`);
    return keeper;
  };
  const all = [...keepers.values()];
  const stop = async () => void (await Promise.all(all.map((keeper) => keeper.stop())));

  const bootstrapServers = nodes.map(({ securePort }) => `${host}:${securePort}`).join(',');
  const plaintextBootstrapServers = nodes.map(({ plaintextPort }) => `${loopback}:${plaintextPort}`).join(',');
  await progress.step(`Start Kafka on ${bootstrapServers}`, async () => {
    const outcomes = await Promise.allSettled(all.map((keeper) => keeper.start()));
    const failed = outcomes.find((outcome) => outcome.status === 'rejected');
    if (!failed) return;
    await stop();
    throw failed.reason;
  });

  return {
    clusterId,
    bootstrapServers,
    plaintextBootstrapServers,
    caPem: tls.caPem,
    username,
    password,
    nodeIds: nodes.map(({ id }) => id),
    clientConfig: () => ({
      brokers: bootstrapServers.split(','),
      ssl: { ca: [tls.caPem], rejectUnauthorized: true },
      sasl: { mechanism: 'scram-sha-512', username, password },
    }),
    addUser: (user) => addScramUser({ jars, dir, bootstrapServers: plaintextBootstrapServers, ...user }),
    logFile,
    pid: (id) => keeperOf(id).pid,
    kill: (id) => keeperOf(id).kill(),
    start: (id) => keeperOf(id).start(),
    stopNode: (id) => keeperOf(id).stop(),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** Before anything is written: another launcher may hold this folder. */
async function requireUnused(dir: string): Promise<void> {
  const found = await findProcesses(join(dir, 'node-'));
  const other = found.find(({ commandLine }) => commandLine.includes(brokerClass));
  if (other) throw new Error(`Kafka runs on ${dir} already, as process ${other.pid}: stop that one first`);
}

function propertiesFile(dir: string, id: number): string {
  return join(dir, `node-${id}.properties`);
}

async function choosePorts(request: {
  host: string;
  kept: readonly KafkaNode[] | undefined;
  count: number | undefined;
  ports: readonly number[] | undefined;
}): Promise<KafkaNode[]> {
  const { host, kept, ports } = request;
  const count = kept?.length ?? request.count ?? 1;
  if (request.count !== undefined && request.count !== count) {
    throw new Error(`this Kafka was formatted for ${count} nodes, not ${request.count}: use another folder`);
  }
  if (ports && ports.length !== count) throw new Error(`${count} Kafka nodes need ${count} ports, got ${ports.length}`);
  const taken = new Set<number>(ports);
  const choose = async (address: string, last: number | undefined): Promise<number> => {
    let port = last !== undefined && (await isPortFree(address, last)) ? last : await findFreePort(address);
    while (taken.has(port)) port = await findFreePort(address);
    taken.add(port);
    return port;
  };
  const nodes: KafkaNode[] = [];
  for (let index = 0; index < count; index++) {
    const last = kept?.[index];
    nodes.push({
      id: index + 1,
      securePort: ports?.[index] ?? (await choose(host, last?.securePort)),
      plaintextPort: await choose(loopback, last?.plaintextPort),
      controllerPort: await choose(loopback, last?.controllerPort),
    });
  }
  return nodes;
}

/** The state file is written after this, so that data without it is an interrupted format and goes. */
async function formatNode(request: {
  jars: string;
  dir: string;
  id: number;
  clusterId: string;
  password: string;
}): Promise<void> {
  const { jars, dir, id, clusterId, password } = request;
  await rm(join(dir, `node-${id}`), { recursive: true, force: true });
  await runTool({
    jars,
    dir,
    mainClass: 'kafka.tools.StorageTool',
    args: [
      'format',
      `--cluster-id=${clusterId}`,
      `--config=${propertiesFile(dir, id)}`,
      '--add-scram',
      `SCRAM-SHA-512=[name=${username},password=${password}]`,
    ],
    logFile: join(dir, `format-${id}.log`),
  });
}

async function addScramUser(request: {
  jars: string;
  dir: string;
  bootstrapServers: string;
  username: string;
  password: string;
}): Promise<void> {
  const { jars, dir, bootstrapServers } = request;
  await runTool({
    jars,
    dir,
    mainClass: 'kafka.admin.ConfigCommand',
    args: [
      '--bootstrap-server',
      bootstrapServers,
      '--alter',
      '--entity-type=users',
      `--entity-name=${request.username}`,
      `--add-config=SCRAM-SHA-512=[password=${request.password}]`,
    ],
    logFile: join(dir, 'users.log'),
  });
}

async function runTool(request: {
  jars: string;
  dir: string;
  mainClass: string;
  args: readonly string[];
  logFile: string;
}): Promise<void> {
  const { jars, dir, mainClass, args, logFile } = request;
  const child = await spawnJava({ jars, mainClass, args, heap: '128m', logFile, crashDir: dir });
  const exit = await child.exited;
  if (exit.code !== 0) throw new Error(`${mainClass} failed (${describeExit(exit)}):\n${readLogTail(logFile)}`);
}

async function readState(dir: string): Promise<State | undefined> {
  const file = join(dir, 'state.json');
  try {
    return stateSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new Error(`${file} is not a file that we wrote; move the folder away and start again`, { cause: error });
  }
}

async function writeState(dir: string, state: State): Promise<void> {
  const file = join(dir, 'state.json');
  await writeFile(`${file}.new`, JSON.stringify(state), { mode: 0o600 });
  await rename(`${file}.new`, file);
}
