import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { spawnChild } from '#lab/process/child.ts';
import { Keeper } from '#lab/process/keeper.ts';
import { findFreePort } from '#lab/process/ports.ts';
import { waitFor } from '#lab/process/wait.ts';
import type { Configuration } from './configuration.ts';
import type { TargetGroup } from './discovery.ts';

export interface PrometheusOptions {
  /** Folder for data, configuration and log file. */
  readonly dir: string;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** The configuration at the start. `reload` replaces it. Default: no targets. */
  readonly configuration?: Configuration;
}

/** A running Prometheus: Debian's package, as a child process with its own data. */
export interface Prometheus extends AsyncDisposable {
  /** URL of Prometheus, such as http://127.0.0.1:19090. It stays the same after a restart. */
  readonly url: string;
  readonly logFile: string;
  /**
   * Replaces the whole configuration. If Prometheus refuses the new configuration, rejects with the error of
   * Prometheus, and the old configuration stays in use.
   */
  reload(configuration: Configuration): Promise<void>;
  /** Replaces the targets of service discovery, by namespace. Prometheus watches the files. */
  discover(targets: Readonly<Record<string, readonly TargetGroup[]>>): Promise<void>;
  /** Ends the process with kill -9, as a fault would. */
  kill(): Promise<void>;
  /** Starts again after `kill` or `stop`, with the same data and configuration. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

const readyTimeoutMs = 60_000;
const stopTimeoutMs = 10_000;
/** How long Prometheus keeps its data. The data is for one run, and no run takes a day. */
const retention = '1d';

export async function startPrometheus(options: PrometheusOptions): Promise<Prometheus> {
  const { host = '127.0.0.1', configuration = { main: 'scrape_configs: []\n', rules: {} } } = options;
  const dir = resolve(options.dir);
  const rulesDir = join(dir, 'rules');
  const logFile = join(dir, 'prometheus.log');
  await mkdir(dir, { recursive: true });
  await writeConfiguration({ dir, rulesDir }, configuration);
  const url = `http://${host}:${await findFreePort(host)}`;
  const keeper = new Keeper({
    name: 'Prometheus',
    launch: () => launch({ dir, url, logFile }),
    ready: (signal) =>
      waitFor({ what: 'Prometheus to be ready', timeoutMs: readyTimeoutMs, intervalMs: 100, signal }, async () => {
        const { ok, status } = await fetch(`${url}/-/ready`);
        if (!ok) throw new Error(`/-/ready responds with ${status}`);
        return true;
      }),
    stopSignal: 'SIGTERM',
    stopTimeoutMs,
  });
  await keeper.start();
  const stop = () => keeper.stop();
  return {
    url,
    logFile,
    async reload(next) {
      await writeConfiguration({ dir, rulesDir }, next);
      // Prometheus was killed for a test. It reads the files when it starts again.
      if (keeper.pid === undefined) return;
      const response = await fetch(`${url}/-/reload`, { method: 'POST' });
      if (!response.ok) throw new Error(`Prometheus refuses its configuration: ${await response.text()}`);
    },
    discover: (targets) => writeTargets(join(dir, 'targets'), targets),
    kill: () => keeper.kill(),
    start: () => keeper.start(),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

function launch({ dir, url, logFile }: { dir: string; url: string; logFile: string }) {
  return spawnChild({
    command: 'prometheus',
    args: [
      `--config.file=${join(dir, configurationFile)}`,
      `--storage.tsdb.path=${join(dir, 'data')}`,
      `--storage.tsdb.retention.time=${retention}`,
      `--web.listen-address=${new URL(url).host}`,
      '--web.enable-lifecycle',
    ],
    logFile,
  });
}

const configurationFile = 'prometheus.yaml';

/**
 * Writes the targets. A namespace without targets gets a file with an empty list. If the file were removed instead,
 * Prometheus would keep the old targets.
 */
async function writeTargets(folder: string, targets: Readonly<Record<string, readonly TargetGroup[]>>): Promise<void> {
  await mkdir(folder, { recursive: true });
  const known = (await readdir(folder)).filter((name) => name.endsWith('.json'));
  const files = new Set([...known, ...Object.keys(targets).map((namespace) => `${namespace}.json`)]);
  for (const file of files) {
    const path = join(folder, file);
    // Write by rename, because Prometheus may read at any moment.
    await writeFile(`${path}.new`, JSON.stringify(targets[file.replace(/\.json$/, '')] ?? []));
    await rename(`${path}.new`, path);
  }
}

/** Writes the configuration and the rule files. Paths of rule files are relative to the configuration's folder. */
async function writeConfiguration(
  { dir, rulesDir }: { dir: string; rulesDir: string },
  { main, rules }: Configuration,
): Promise<void> {
  await rm(rulesDir, { recursive: true, force: true });
  await mkdir(rulesDir);
  for (const [name, text] of Object.entries(rules)) await writeFile(join(rulesDir, name), text);
  await writeFile(join(dir, configurationFile), main);
}
