import { execFile } from 'node:child_process';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** What the commands of a runbook need to run: a folder, and the tools that an administrator would have. */
export interface Desk {
  readonly dir: string;
  readonly env: NodeJS.ProcessEnv;
  /** The values of words in capitals, such as NAMESPACE. */
  readonly words: Readonly<Record<string, string>>;
}

export interface DeskOptions {
  /** The repository. */
  readonly root: string;
  readonly dir: string;
  readonly kubectlPath: string;
  readonly kubeconfig: string;
  /** The URI in `$URI`, with the CA that verifies the server. */
  readonly storeUri: string;
  readonly storeCaPem: string;
  readonly words: Readonly<Record<string, string>>;
}

/** Makes a desk, with kubectl and sumctl on its PATH. psql and openssl are those of the machine. */
export async function openDesk(options: DeskOptions): Promise<Desk> {
  const { root, dir, kubectlPath, kubeconfig, storeUri, storeCaPem, words } = options;
  const bin = join(dir, 'bin');
  await mkdir(bin, { recursive: true });
  const sumctl = join(bin, 'sumctl');
  await writeFile(
    sumctl,
    `#!/bin/sh\nexec '${process.execPath}' --no-warnings '${join(root, 'sumpipeline.ts')}' sumctl "$@"\n`,
  );
  await chmod(sumctl, 0o755);
  const ca = join(dir, 'store-ca.pem');
  await writeFile(ca, storeCaPem);
  const path = [bin, dirname(kubectlPath), process.env['PATH']].join(':');
  const store = { URI: storeUri, PGSSLMODE: 'verify-full', PGSSLROOTCERT: ca };
  return { dir, words, env: { ...process.env, PATH: path, KUBECONFIG: kubeconfig, ...store } };
}

export interface Tried {
  readonly command: string;
  /** What was wrong. Undefined if the command printed something. */
  readonly problem: string | undefined;
}

const timeoutMs = 60_000;

/** Runs each command of the section "Find the cause" once, in order, as an administrator would. */
export async function tryRunbook(page: string, desk: Desk, skipped: (command: string) => boolean): Promise<Tried[]> {
  const tried: Tried[] = [];
  for (const command of commandsOf(page).filter((command) => !skipped(command))) {
    tried.push({ command, problem: await tryCommand(fillIn(command, desk.words), desk) });
  }
  return tried;
}

/**
 * Runs a command and returns its problem. The exit code may differ from 0, as that of `sumctl status` does: the test
 * requires only that the command prints something.
 */
async function tryCommand(command: string, { dir, env }: Desk): Promise<string | undefined> {
  const limits = { timeout: timeoutMs, maxBuffer: 64 * 1024 * 1024 };
  const { code, stdout, stderr } = await run('bash', ['-c', command], { cwd: dir, env, ...limits }).then(
    (output) => ({ code: 0, ...output }),
    (error: { code?: unknown; stdout?: string; stderr?: string }) => ({
      code: error.code ?? 'timed out',
      stdout: error.stdout ?? '',
      stderr: error.stderr ?? '',
    }),
  );
  // A command that writes into a file prints nothing. kubectl reports on stderr that it found no objects.
  const isWell = command.includes(' > ') ? code === 0 : stdout.trim() !== '' || (code === 0 && stderr.trim() !== '');
  return isWell ? undefined : `shows nothing (exit code ${String(code)}) ${stderr.trim().slice(0, 500)}`.trim();
}

/** Returns the commands of the section "Find the cause", without their prompt. */
export function commandsOf(page: string): string[] {
  const section = page.split(/^## /m).find((part) => part.startsWith('Find the cause')) ?? '';
  return section
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line.startsWith('$ '))
    .map((line) => line.slice(2));
}

/** Replaces the words in capitals. Longer words come first, so that NAME does not replace a part of NAMESPACE. */
export function fillIn(command: string, words: Readonly<Record<string, string>>): string {
  const names = Object.keys(words).toSorted((left, right) => right.length - left.length);
  return command.replace(new RegExp(`(?<![A-Z$])(${names.join('|')})(?![A-Z])`, 'g'), (word) => words[word] ?? word);
}

export async function readRunbook(root: string, alert: string): Promise<string> {
  return readFile(join(root, 'docs', 'runbooks', `${alert}.md`), 'utf8');
}
