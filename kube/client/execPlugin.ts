import { type ChildProcess, spawn } from 'node:child_process';
import { isatty } from 'node:tty';
import { z } from 'zod';
import type { Clock } from '#kube/clock.ts';
import type { Access } from './access.ts';
import type { Environment } from './kubeconfig.ts';
import type { Exec } from './kubeconfigFile.ts';

/** Credential that a plugin returned. Never log it. */
export interface ExecCredential {
  readonly token: string;
  readonly cert: string;
  readonly key: string;
}

export interface ExecPlugin {
  /**
   * Returns the last credential until it expires, then runs the plugin again. If `isRefused` is true, runs the plugin
   * at once. Calls at the same time share one run, because a plugin may open a browser.
   */
  get(isRefused: boolean): Promise<ExecCredential>;
  /** Stops the plugin if it runs. Calls of `get` that wait for the plugin throw. */
  close(): void;
}

export interface ExecPluginOptions {
  readonly exec: Exec;
  /** The cluster. A plugin with `provideClusterInfo` gets a description of it. */
  readonly access: Access;
  /** PEM of the certificate authority. Empty if the cluster has none. */
  readonly ca: string;
  /** Environment variables of the plugin. Variables in the kubeconfig entry of the plugin have precedence. */
  readonly env: Environment;
  readonly clock: Pick<Clock, 'wallMs' | 'after'>;
  /** Time limit of one run, ms. Undefined means no limit. */
  readonly timeoutMs?: number | undefined;
}

const apiVersions: ReadonlySet<string> = new Set([
  'client.authentication.k8s.io/v1',
  'client.authentication.k8s.io/v1beta1',
]);

/** Creates a source that runs a credential plugin by the rules of client-go (plugin/pkg/client/auth/exec). */
export function createExecPlugin(options: ExecPluginOptions): ExecPlugin {
  const { exec, clock } = options;
  if (!apiVersions.has(exec.apiVersion)) {
    throw new Error(`the exec plugin ${exec.command} has the apiVersion "${exec.apiVersion}", which is not supported`);
  }
  let last: { credential: ExecCredential; expiresAt: number } | undefined;
  let run: Run | undefined;
  let running: Promise<ExecCredential> | undefined;

  async function refresh(): Promise<ExecCredential> {
    run = start(options);
    const status = readCredential(exec, await run.output);
    const expiresAt = status.expirationTimestamp ? Date.parse(status.expirationTimestamp) : Number.POSITIVE_INFINITY;
    const { token, clientCertificateData: cert, clientKeyData: key } = status;
    last = { credential: { token, cert, key }, expiresAt };
    return last.credential;
  }

  return {
    async get(isRefused) {
      if (running !== undefined) return await running;
      if (last !== undefined && !isRefused && clock.wallMs() <= last.expiresAt) return last.credential;
      running = refresh();
      try {
        return await running;
      } finally {
        running = undefined;
        run = undefined;
      }
    },
    close: () => run?.stop(),
  };
}

/** Maximum size of the output of a plugin. 1 MiB is more than any token or certificate chain needs. */
const outputBytesMax = 1024 * 1024;

interface Run {
  /** Standard output of the plugin, when it has ended. Rejects if the plugin fails. */
  readonly output: Promise<string>;
  stop(): void;
}

function start({ exec, access, ca, env, clock, timeoutMs }: ExecPluginOptions): Run {
  const isInteractive = chooseInteractive(exec);
  const info = {
    kind: 'ExecCredential',
    apiVersion: exec.apiVersion,
    spec: { ...(exec.provideClusterInfo ? { cluster: describeCluster(access, ca) } : {}), interactive: isInteractive },
  };
  const own = Object.fromEntries(exec.env.map(({ name, value }) => [name, value]));
  const child = spawn(exec.command, exec.args, {
    env: { ...env, ...own, KUBERNETES_EXEC_INFO: JSON.stringify(info) },
    stdio: [isInteractive ? 'inherit' : 'ignore', 'pipe', 'inherit'],
  });
  const kill = createKiller(child, clock);
  const { promise: output, resolve, reject } = Promise.withResolvers<string>();
  const fail = (what: string) => reject(new Error(`the exec plugin ${exec.command} ${what}`));
  // Reject now and do not wait for the end of the output: a program that the plugin started may keep the output open.
  const stop = (why: string) => {
    fail(why);
    child.stdout.destroy();
    kill();
  };
  const cancel =
    timeoutMs === undefined
      ? () => {}
      : clock.after(timeoutMs, () => stop(`did not end within ${timeoutMs} ms and was stopped`));
  const chunks: Buffer[] = [];
  let bytes = 0;
  child.stdout.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > outputBytesMax) stop(`printed more than ${outputBytesMax} bytes and was stopped`);
    else chunks.push(chunk);
  });
  child.on('error', (cause) => {
    cancel();
    const hint = exec.installHint === '' ? '' : `. ${printable(exec.installHint)}`;
    reject(new Error(`cannot run the exec plugin ${exec.command}${hint}`, { cause }));
  });
  child.on('close', (code, signal) => {
    cancel();
    if (code === 0) resolve(Buffer.concat(chunks).toString('utf8'));
    else fail(`ended with ${signal ?? `exit code ${code}`}`);
  });
  return { output, stop: () => stop('was stopped') };
}

/** Time that a plugin has to end after SIGTERM, ms. After it the plugin gets SIGKILL. */
const graceMs = 2_000;

/**
 * Returns a function that ends the child with SIGTERM, and with SIGKILL if the child still runs after `graceMs`. If the
 * function was not called, the child gets SIGTERM when this process ends.
 */
function createKiller(child: ChildProcess, clock: ExecPluginOptions['clock']): () => void {
  let cancel: (() => void) | undefined;
  const kill = () => {
    if (cancel === undefined && child.kill('SIGTERM')) cancel = clock.after(graceMs, () => child.kill('SIGKILL'));
  };
  const atExit = () => child.kill(cancel === undefined ? 'SIGTERM' : 'SIGKILL');
  process.once('exit', atExit);
  const forget = () => {
    process.off('exit', atExit);
    cancel?.();
  };
  // If the program could not be started, the child emits `error` and no `exit`.
  child.once('exit', forget);
  child.once('error', forget);
  return kill;
}

function chooseInteractive({ command, interactiveMode }: Exec): boolean {
  if (interactiveMode === 'Never') return false;
  const isTerminal = isatty(0);
  if (interactiveMode === 'Always' && !isTerminal) {
    throw new Error(`the exec plugin ${command} needs a terminal, but standard input is not a terminal`);
  }
  return isTerminal;
}

function describeCluster({ cluster }: Access, ca: string): object {
  return {
    server: cluster.server,
    ...(cluster.tlsServerName === '' ? {} : { 'tls-server-name': cluster.tlsServerName }),
    ...(cluster.isInsecure ? { 'insecure-skip-tls-verify': true } : {}),
    ...(ca === '' ? {} : { 'certificate-authority-data': Buffer.from(ca).toString('base64') }),
    ...(cluster.proxyUrl === '' ? {} : { 'proxy-url': cluster.proxyUrl }),
    ...(cluster.disablesCompression ? { 'disable-compression': true } : {}),
    config: cluster.execConfig ?? null,
  };
}

const text = z
  .string()
  .nullish()
  .transform((value) => value ?? '');
const answerSchema = z.object({
  apiVersion: z.string(),
  kind: z.literal('ExecCredential'),
  status: z.object({
    token: text,
    clientCertificateData: text,
    clientKeyData: text,
    expirationTimestamp: z.iso.datetime({ offset: true }).nullish(),
  }),
});

function readCredential({ command, apiVersion }: Exec, output: string): z.output<typeof answerSchema>['status'] {
  const answer = parseAnswer(command, output);
  if (answer.apiVersion !== apiVersion) {
    throw new Error(`the exec plugin ${command} returned ${answer.apiVersion}, but its entry says ${apiVersion}`);
  }
  const { token, clientCertificateData: cert, clientKeyData: key } = answer.status;
  if ((cert === '') !== (key === ''))
    throw new Error(`the exec plugin ${command} returned a certificate or a key, but not both`);
  if (token === '' && cert === '')
    throw new Error(`the exec plugin ${command} returned neither a token nor a certificate`);
  return answer.status;
}

function parseAnswer(command: string, output: string): z.output<typeof answerSchema> {
  try {
    return answerSchema.parse(JSON.parse(output));
  } catch (error) {
    // Do not quote the message of the JSON parser: it contains the output, which may contain a token.
    const why = error instanceof z.ZodError ? z.prettifyError(error) : 'not JSON';
    throw new Error(`the output of the exec plugin ${command} is not an ExecCredential: ${why}`);
  }
}

/**
 * Removes control characters. The hint comes from the kubeconfig, which another person may have written. It must not
 * send escape sequences to the terminal.
 */
function printable(hint: string): string {
  return hint.replaceAll(/[^\P{C}\n\t]/gu, '');
}
