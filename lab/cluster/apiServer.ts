import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { type CertificateAuthority, createCa } from '#lab/certificates/pki.ts';
import { spawnChild } from '#lab/process/child.ts';
import { Keeper } from '#lab/process/keeper.ts';
import { findFreePort } from '#lab/process/ports.ts';
import { waitFor } from '#lab/process/wait.ts';
import { type Progress, silentProgress } from '#lab/progress.ts';
import { buildGoModule } from './binaries.ts';
import { createTokenKeys } from './certificates.ts';
import { buildKubeconfig } from './kubeconfig.ts';

export interface ApiServerOptions {
  /** Folder in which we make our own folder, which `stop` removes. Default: the system's temporary folder. */
  readonly dir?: string;
  /** Shows the build of kubernetes and etcd, which takes minutes the first time. Default: silent. */
  readonly progress?: Progress;
  /** Write an audit log (level Metadata: who did what, one JSON object per line). Default false. */
  readonly audit?: boolean;
}

export interface ApiServer extends AsyncDisposable {
  /** URL of the API server, such as https://127.0.0.1:43210. */
  readonly url: string;
  readonly caPem: string;
  /** Kubeconfig of a cluster admin (system:masters). */
  readonly kubeconfig: string;
  readonly kubeconfigPath: string;
  /** Path of the audit log, if it was requested. */
  readonly auditLog: string | undefined;
  /** A kubectl of the server's version. */
  readonly kubectlPath: string;
  /**
   * Makes the kubeconfig of any user, by client certificate. RBAC gets exactly these names. For a ServiceAccount they
   * are `system:serviceaccount:NAMESPACE:NAME` and the groups `system:serviceaccounts`,
   * `system:serviceaccounts:NAMESPACE`.
   */
  kubeconfigFor(identity: { readonly user: string; readonly groups?: readonly string[] }): Promise<string>;
  /** Kills the API server, as a crash would, and starts it again on the same port with the same data. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Maximum time for a start, in milliseconds. A start takes 3 s on an idle 2-core machine, but builds and other tests
 * may use the processor.
 */
const readyTimeoutMs = 120_000;

/**
 * Maximum number of attempts to start, each with new ports. An attempt fails if another process takes a port before we
 * use it. If three attempts fail, the ports are not the cause.
 */
const startAttempts = 3;

/**
 * Starts a real API server with its etcd and nothing else, for integration tests: no controllers, no kubelet, no
 * garbage collection. Objects are stored, validated, defaulted, watched and guarded by RBAC as in production, but no
 * controller acts on them. Several servers may run at the same time. Both processes end with this one, even after
 * kill -9.
 */
export async function startApiServer(options: ApiServerOptions = {}): Promise<ApiServer> {
  const { progress = silentProgress, audit = false } = options;
  const programs = {
    kubernetes: await buildGoModule('kubernetes', { progress }),
    etcd: await buildGoModule('etcd', { progress }),
  };
  const dir = await mkdtemp(join(options.dir ?? tmpdir(), 'apiserver-'));
  try {
    const ca = await createCa('sumpipeline-test');
    await writeFiles(dir, ca);
    return await startOnFreePorts({ dir, ca, programs, audit });
  } catch (error) {
    await rm(dir, { recursive: true, force: true });
    throw error;
  }
}

interface Plan {
  readonly dir: string;
  readonly ca: CertificateAuthority;
  readonly programs: { readonly kubernetes: string; readonly etcd: string };
  readonly audit: boolean;
}

async function startOnFreePorts(plan: Plan): Promise<ApiServer> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await startOnce(plan);
    } catch (error) {
      const isPortTaken = error instanceof Error && error.message.includes('address already in use');
      if (!isPortTaken || attempt === startAttempts) throw error;
      await rm(join(plan.dir, 'etcd'), { recursive: true, force: true });
    }
  }
}

async function startOnce({ dir, ca, programs, audit }: Plan): Promise<ApiServer> {
  const clientPort = await findFreePort('127.0.0.1');
  const peerPort = await findFreePort('127.0.0.1');
  const apiPort = await findFreePort('127.0.0.1');
  const url = `https://127.0.0.1:${apiPort}`;
  const kubeconfigOf = async (commonName: string, organizations: readonly string[]) =>
    buildKubeconfig({
      server: url,
      caPem: ca.certPem,
      credentials: await ca.issue({ commonName, organizations, usages: ['client'] }),
    });
  const kubeconfig = await kubeconfigOf('admin', ['system:masters']);
  const kubeconfigPath = join(dir, 'admin.kubeconfig');
  await writeFile(kubeconfigPath, kubeconfig, { mode: 0o600 });

  // Kill the process immediately. A clean end has no use, because the data is removed.
  const end = { stopSignal: 'SIGKILL', stopTimeoutMs: 1000 } as const;
  const etcd = new Keeper({
    name: 'etcd',
    launch: () =>
      spawnChild({
        command: join(programs.etcd, 'etcd'),
        args: etcdFlags({ dir: join(dir, 'etcd'), clientPort, peerPort }),
        logFile: join(dir, 'etcd.log'),
      }),
    ready: (signal) =>
      waitFor({ what: 'etcd to be healthy', timeoutMs: readyTimeoutMs, intervalMs: 100, signal }, async () => {
        const { status } = await fetch(`http://127.0.0.1:${clientPort}/health`);
        return status === 200 || undefined;
      }),
    ...end,
  });
  const api = new Keeper({
    name: 'kube-apiserver',
    launch: () =>
      spawnChild({
        command: join(programs.kubernetes, 'kube-apiserver'),
        args: apiServerFlags({ dir, port: apiPort, etcdPort: clientPort, audit }),
        logFile: join(dir, 'kube-apiserver.log'),
      }),
    ready: (signal) =>
      waitFor({ what: 'the API server to be ready', timeoutMs: readyTimeoutMs, intervalMs: 100, signal }, () =>
        isReady(url, ca.certPem),
      ),
    ...end,
  });
  const stop = async () => {
    await api.stop();
    await etcd.stop();
    await rm(dir, { recursive: true, force: true });
  };
  try {
    await etcd.start();
    await api.start();
  } catch (error) {
    await etcd.stop();
    throw error;
  }
  return {
    url,
    caPem: ca.certPem,
    kubeconfig,
    kubeconfigPath,
    auditLog: audit ? join(dir, 'audit.log') : undefined,
    kubectlPath: join(programs.kubernetes, 'kubectl'),
    kubeconfigFor: ({ user, groups = [] }) => kubeconfigOf(user, groups),
    async restart() {
      await api.kill();
      await api.start();
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

async function writeFiles(dir: string, ca: CertificateAuthority): Promise<void> {
  const server = await ca.issue({
    commonName: 'kube-apiserver',
    altNames: ['localhost', '127.0.0.1'],
    usages: ['server'],
  });
  const tokens = createTokenKeys();
  const files = {
    'ca.crt': ca.certPem,
    'apiserver.crt': server.certPem,
    'apiserver.key': server.keyPem,
    'tokens.key': tokens.privateKey,
    'tokens.pub': tokens.publicKey,
    'audit-policy.yaml': stringify({
      apiVersion: 'audit.k8s.io/v1',
      kind: 'Policy',
      omitStages: ['RequestReceived'],
      rules: [{ level: 'Metadata' }],
    }),
  };
  await mkdir(join(dir, 'etcd'), { mode: 0o700 });
  for (const [name, text] of Object.entries(files)) await writeFile(join(dir, name), text, { mode: 0o600 });
}

function etcdFlags(options: { dir: string; clientPort: number; peerPort: number }): string[] {
  const { dir, clientPort, peerPort } = options;
  const clientUrl = `http://127.0.0.1:${clientPort}`;
  const peerUrl = `http://127.0.0.1:${peerPort}`;
  return [
    '--name=test',
    `--data-dir=${dir}`,
    `--listen-client-urls=${clientUrl}`,
    `--advertise-client-urls=${clientUrl}`,
    `--listen-peer-urls=${peerUrl}`,
    `--initial-advertise-peer-urls=${peerUrl}`,
    `--initial-cluster=test=${peerUrl}`,
    '--unsafe-no-fsync', // the data need not survive a power cut
    '--log-level=warn',
  ];
}

function apiServerFlags(options: { dir: string; port: number; etcdPort: number; audit: boolean }): string[] {
  const { dir, port, etcdPort, audit } = options;
  return [
    `--etcd-servers=http://127.0.0.1:${etcdPort}`,
    '--bind-address=127.0.0.1',
    '--advertise-address=127.0.0.1',
    `--secure-port=${port}`,
    '--endpoint-reconciler-type=none', // endpoints must not have a loopback address
    '--service-cluster-ip-range=10.96.0.0/16',
    `--cert-dir=${dir}`,
    `--tls-cert-file=${dir}/apiserver.crt`,
    `--tls-private-key-file=${dir}/apiserver.key`,
    `--client-ca-file=${dir}/ca.crt`,
    '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
    `--service-account-key-file=${dir}/tokens.pub`,
    `--service-account-signing-key-file=${dir}/tokens.key`,
    '--authorization-mode=RBAC',
    // Disable this plugin: it would refuse every pod, because no controller makes the default ServiceAccount.
    '--disable-admission-plugins=ServiceAccount',
    '--allow-privileged=true',
    '--shutdown-delay-duration=0s',
    ...(audit ? [`--audit-log-path=${dir}/audit.log`, `--audit-policy-file=${dir}/audit-policy.yaml`] : []),
  ];
}

/** Resolves when /readyz returns 200. At that time the built-in roles exist too. Needs no credentials. */
function isReady(url: string, caPem: string): Promise<true> {
  return new Promise((resolve, reject) => {
    const call = request(`${url}/readyz`, { ca: caPem, agent: false, timeout: 5000 }, (response) => {
      response.resume();
      if (response.statusCode === 200) resolve(true);
      else reject(new Error(`/readyz responds with ${response.statusCode}`));
    });
    call.on('timeout', () => call.destroy(new Error('/readyz does not respond within 5 s')));
    call.on('error', reject);
    call.end();
  });
}
