import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** kubectl, bound to one cluster. */
export interface Kubectl {
  /** What it printed. Throws with what it complained about. */
  run(args: readonly string[], options?: { readonly input?: string; readonly signal?: AbortSignal }): Promise<string>;
}

export interface KubectlOptions {
  readonly command: string;
  /** Default: as kubectl finds it. */
  readonly kubeconfig: string | undefined;
  readonly context: string | undefined;
  /** Keeps what kubectl learns of the API away from the user's own cache: our clusters come and go at one address. */
  readonly cacheDir: string;
}

const outputBytesMax = 16 * 1024 * 1024;

export function createKubectl(options: KubectlOptions): Kubectl {
  const { command, kubeconfig, context, cacheDir } = options;
  const fixed = ['--cache-dir', cacheDir, ...(context === undefined ? [] : ['--context', context])];
  const env = kubeconfig === undefined ? process.env : { ...process.env, KUBECONFIG: kubeconfig };
  return {
    async run(args, { input = '', signal } = {}) {
      // A group of its own: a Ctrl-C of the terminal must not break the kubectl that takes things down.
      const child = spawn(command, [...fixed, ...args], { env, detached: true, ...(signal ? { signal } : {}) });
      const stdout = collect(child.stdout);
      const stderr = collect(child.stderr);
      // kubectl may end before it has read everything; its exit code tells.
      child.stdin.on('error', () => {});
      child.stdin.end(input);
      const [code] = await once(child, 'close').catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') throw new Error(`kubectl is not on PATH; install it, or use --cluster local`);
        throw error;
      });
      if (code === 0) return stdout();
      throw new Error(`kubectl ${args.slice(0, 3).join(' ')} failed: ${stderr().trim() || `exit code ${code}`}`);
    },
  };
}

function collect(stream: NodeJS.ReadableStream): () => string {
  const chunks: Buffer[] = [];
  let bytes = 0;
  stream.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= outputBytesMax) chunks.push(chunk);
  });
  return () => Buffer.concat(chunks).toString('utf8');
}
