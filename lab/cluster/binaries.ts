import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, writeSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cachedBuild } from '#lab/cache.ts';
import type { Progress, Step } from '#lab/progress.ts';

const run = promisify(execFile);

/**
 * The packages of the programs that we build, by Go module. The go.mod and go.sum in ./modules pin each module. Each
 * module is a separate cache entry, so that a test which needs only an API server builds only kubernetes and etcd.
 */
const modules = {
  kubernetes: [
    'k8s.io/kubernetes/cmd/kube-apiserver',
    'k8s.io/kubernetes/cmd/kube-controller-manager',
    'k8s.io/kubernetes/cmd/kube-scheduler',
    'k8s.io/kubernetes/cmd/kubelet',
    'k8s.io/kubernetes/cmd/kubectl',
    'k8s.io/kubernetes/cmd/kube-proxy',
  ],
  etcd: ['go.etcd.io/etcd/server/v3'],
  containerd: [
    'github.com/containerd/containerd/v2/cmd/containerd',
    'github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2',
    'github.com/containerd/containerd/v2/cmd/ctr',
  ],
  runc: ['github.com/opencontainers/runc'],
  cni: [
    'github.com/containernetworking/plugins/plugins/main/bridge',
    'github.com/containernetworking/plugins/plugins/main/loopback',
    'github.com/containernetworking/plugins/plugins/ipam/host-local',
    'github.com/containernetworking/plugins/plugins/meta/portmap',
  ],
  coredns: ['.'],
  // prometheus-operator and prometheus-adapter run beside the cluster, for monitoring and autoscaling. Their programs
  // are named `operator` and `adapter`.
  prometheusoperator: ['github.com/prometheus-operator/prometheus-operator/cmd/operator'],
  prometheusadapter: ['sigs.k8s.io/prometheus-adapter/cmd/adapter'],
  kubestatemetrics: ['k8s.io/kube-state-metrics/v2'],
  // kind only checks kind-config.yaml. It never makes a cluster here, because that needs Docker.
  kind: ['sigs.k8s.io/kind'],
  actionlint: ['github.com/rhysd/actionlint/cmd/actionlint'],
  // Only `npm run tilt` uses Tilt. This build has no web page, because only the releases of Tilt contain the page.
  tilt: ['github.com/tilt-dev/tilt/cmd/tilt'],
  // Only `npm run loop -- --keda` uses KEDA, in pods. The build takes minutes, because KEDA contains the SDK of every
  // cloud.
  keda: ['github.com/kedacore/keda/v2/cmd/operator', 'github.com/kedacore/keda/v2/cmd/adapter'],
} as const satisfies Record<string, readonly string[]>;

export type GoModule = keyof typeof modules;

/**
 * Modules that contain C code: runc for libseccomp, Tilt for a parser. The programs of all other modules are static,
 * so they run on any Linux.
 */
const usesC: ReadonlySet<GoModule> = new Set(['runc', 'tilt']);

export interface BuildOptions {
  readonly progress: Progress;
  /** Default: the machine's cache. */
  readonly cacheRoot?: string;
  /** Aborts a build. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Builds the programs of one module and returns the folder that holds them, under their usual names (`kube-apiserver`,
 * `etcd`, `runc`, ...). From an empty cache all modules take about 15 minutes of processor time, kubernetes most of it.
 */
export async function buildGoModule(module: GoModule, { progress, cacheRoot, signal }: BuildOptions): Promise<string> {
  const source = sourceOf(module);
  const files = (await readdir(source)).sort();
  const contents = await Promise.all(files.map((file) => readFile(join(source, file))));
  const goMod = await readFile(join(source, 'go.mod'), 'utf8');
  const flags = module === 'runc' ? ['-tags', 'seccomp'] : [];
  const ldflags = ['-s', '-w', ...(module === 'kubernetes' ? versionFlags(goMod) : [])].join(' ');
  return await cachedBuild({
    name: `go-${module}`,
    inputs: [await goVersion(), module, ...modules[module], ...flags, ldflags, ...files, ...contents],
    progress,
    signal,
    ...(cacheRoot === undefined ? {} : { root: cacheRoot }),
    async build(dir, { log, step }) {
      // The main package of etcd is in a folder named v3, and go would name the program after the folder.
      const output = module === 'etcd' ? join(dir, 'etcd') : module === 'coredns' ? join(dir, 'coredns') : `${dir}/`;
      await runLogged(
        'go',
        ['build', '-v', '-trimpath', ...flags, '-ldflags', ldflags, '-o', output, ...modules[module]],
        {
          cwd: source,
          log,
          step,
          signal,
          env: { ...goEnvironment(), CGO_ENABLED: usesC.has(module) ? '1' : '0' },
        },
      );
    },
  });
}

/** Builds Kubernetes' own pause program: pid 1 of every pod, and of our node. Returns the folder with `pause` in it. */
export async function buildPause({ progress, cacheRoot }: BuildOptions): Promise<string> {
  const compiler = (await run('gcc', ['--version']).catch(explainMissing('gcc', 'gcc'))).stdout.split('\n', 1);
  return await cachedBuild({
    name: 'pause',
    inputs: [...compiler, await readFile(join(sourceOf('kubernetes'), 'go.sum'))],
    progress,
    ...(cacheRoot === undefined ? {} : { root: cacheRoot }),
    async build(dir, { log, step }) {
      const kubernetes = await findGoSource('kubernetes', 'k8s.io/kubernetes', { log, step });
      const program = join(kubernetes, 'build', 'pause', 'linux', 'pause.c');
      await runLogged('gcc', ['-Os', '-static', '-o', join(dir, 'pause'), program], {
        cwd: sourceOf('kubernetes'),
        log,
        step,
        env: goEnvironment(),
      });
    },
  });
}

/** Returns the folder with the source of a Go module that one of our modules pins. Downloads the source if needed. */
export async function findGoSource(
  module: GoModule,
  path: string,
  { log, step }: { readonly log: string; readonly step: Step },
): Promise<string> {
  const options = { cwd: sourceOf(module), log, step, env: goEnvironment() };
  await runLogged('go', ['mod', 'download', path], options);
  return (await run('go', ['list', '-m', '-f', '{{.Dir}}', path], options)).stdout.trim();
}

function sourceOf(module: GoModule): string {
  return join(import.meta.dirname, 'modules', module);
}

/** Returns the flags that set the version. Without them `/version` is empty, and clients cannot parse it. */
function versionFlags(goMod: string): string[] {
  const version = /k8s\.io\/kubernetes v(\d+)\.(\d+)\.\d+/.exec(goMod);
  if (version === null) throw new Error('modules/kubernetes/go.mod has no k8s.io/kubernetes version');
  const [text, major, minor] = version;
  const values = {
    gitVersion: text.split(' ')[1],
    gitMajor: major,
    gitMinor: minor,
    gitTreeState: 'clean',
    gitCommit: '0'.repeat(40),
    buildDate: '1970-01-01T00:00:00Z',
  };
  return ['k8s.io/component-base/version', 'k8s.io/client-go/pkg/version'].flatMap((target) =>
    Object.entries(values).map(([name, value]) => `-X ${target}.${name}=${value}`),
  );
}

/** Environment of `go`. GOTOOLCHAIN=local makes a missing Go an error instead of a silent download. */
function goEnvironment(): NodeJS.ProcessEnv {
  return { ...process.env, GOFLAGS: '-mod=readonly', GOTOOLCHAIN: 'local', GOWORK: 'off' };
}

async function goVersion(): Promise<string> {
  return (
    await run('go', ['env', 'GOVERSION', 'GOARCH'], { env: goEnvironment() }).catch(explainMissing('go', 'Go >= 1.26'))
  ).stdout;
}

function explainMissing(program: string, what: string): (cause: Error) => never {
  return (cause) => {
    throw new Error(`cannot run ${program}: install ${what} and put it on PATH`, { cause });
  };
}

interface RunLogged {
  readonly cwd: string;
  readonly log: string;
  readonly step: Step;
  readonly env: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal | undefined;
}

/** Runs a build and writes its output to the log file. `go build -v` prints each compiled package as its progress. */
async function runLogged(
  command: string,
  args: readonly string[],
  { cwd, log, step, env, signal }: RunLogged,
): Promise<void> {
  const output = openSync(log, 'a', 0o644);
  try {
    // Kill the build when this process ends. Otherwise the build would run for minutes although no process needs it.
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', command, ...args], {
      cwd,
      env,
      stdio: ['ignore', output, 'pipe'],
      ...(signal ? { signal } : {}),
    });
    let packages = 0;
    child.stderr?.on('data', (chunk: Buffer) => {
      writeSync(output, chunk);
      packages += chunk.toString('latin1').split('\n').length - 1;
      step.update(`${packages} packages`);
    });
    const [code, endedBy] = await once(child, 'close');
    if (code !== 0) throw new Error(`${command} ${args[0]} failed with ${endedBy ?? `exit code ${code}`}`);
  } finally {
    closeSync(output);
  }
}
