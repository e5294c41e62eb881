import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** kubectl, bound to one cluster. */
export interface Kubectl {
  /** Runs kubectl and returns its standard output. Throws an error that contains kubectl's error text. */
  run(args: readonly string[], options?: { readonly input?: string; readonly signal?: AbortSignal }): Promise<string>;
}

export interface KubectlOptions {
  readonly command: string;
  /** File of the kubeconfig. Undefined: kubectl finds the file itself. */
  readonly kubeconfig: string | undefined;
  readonly context: string | undefined;
  /**
   * Folder for kubectl's cache of APIs. It is not the cache of the user: all our clusters have the same address, so the
   * user's cache would mix them.
   */
  readonly cacheDir: string;
}

/** Maximum number of bytes that are kept of each output of kubectl. */
const outputBytesMax = 16 * 1024 * 1024;

export function createKubectl(options: KubectlOptions): Kubectl {
  const { command, kubeconfig, context, cacheDir } = options;
  const fixed = ['--cache-dir', cacheDir, ...(context === undefined ? [] : ['--context', context])];
  const env = kubeconfig === undefined ? process.env : { ...process.env, KUBECONFIG: kubeconfig };
  return {
    async run(args, { input = '', signal } = {}) {
      // Start kubectl in its own process group: Ctrl-C in the terminal must not end a kubectl that removes objects.
      const child = spawn(command, [...fixed, ...args], { env, detached: true, ...(signal ? { signal } : {}) });
      const stdout = collect(child.stdout);
      const stderr = collect(child.stderr);
      // kubectl may end before it has read everything. Its exit code reports the failure.
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
