import { connect, createServer, type Socket } from 'node:net';
import { z } from 'zod';

/** The holder of a lock, as it describes itself. */
export interface LockHolder {
  readonly pid: number;
  /** What the holder uses the lock for, such as "the local cluster of npm start". */
  readonly what: string;
  /** Time at which the holder took the lock, in ISO 8601. */
  readonly since: string;
}

export interface LockRequest {
  /** Name of the lock. All users of the machine share the lock of a name. */
  readonly name: string;
  /** What we use the lock for. Processes that wait for the lock print this text. */
  readonly what: string;
  /** Called once for every holder that we wait for, with undefined if the holder does not respond. */
  readonly onWait?: (holder: LockHolder | undefined) => void;
  /** Ends the wait: the call then rejects with the reason of the signal. Default: waits without a limit. */
  readonly signal?: AbortSignal;
  /** Clock for `since`. */
  readonly now?: () => Date;
}

export interface Lock extends AsyncDisposable {
  release(): Promise<void>;
}

/**
 * Takes a machine-wide lock: waits until it is free and never stops its holder.
 *
 * The lock is an abstract Unix socket. The kernel gives its name to one process at a time, and frees the name when
 * this process ends, even after kill -9. So a lock without a holder cannot exist. A lock file of flock has the same
 * property, but cannot say which process holds it. Here the holder sends its description on every connection and keeps
 * the connection open. When the connection ends, the waiter knows that the lock is released, without polling. Abstract
 * names belong to a network namespace, so two containers do not see each other's lock.
 */
export async function acquireLock(request: LockRequest): Promise<Lock> {
  const { name, what, onWait, signal, now = () => new Date() } = request;
  for (;;) {
    signal?.throwIfAborted();
    const lock = await tryListen(name, { pid: process.pid, what, since: now().toISOString() });
    if (lock !== undefined) return lock;
    await waitForRelease(name, onWait, signal);
  }
}

/** Finds the current holder of the lock. Undefined if the lock is free or its holder does not respond. */
export async function findLockHolder(name: string): Promise<LockHolder | undefined> {
  let holder: LockHolder | undefined;
  const looked = new AbortController();
  await waitForRelease(
    name,
    (found) => {
      holder = found;
      looked.abort();
    },
    looked.signal,
  ).catch((error) => {
    if (!looked.signal.aborted) throw error;
  });
  return holder;
}

function socketPath(name: string): string {
  return `\0sumpipeline/${name}`;
}

function tryListen(name: string, holder: LockHolder): Promise<Lock | undefined> {
  const waiters = new Set<Socket>();
  const server = createServer((waiter) => {
    waiters.add(waiter);
    waiter.unref();
    waiter.on('close', () => waiters.delete(waiter));
    // A waiter may disconnect at any time, which is no error here. After 'error' the socket also emits 'close'.
    waiter.on('error', () => waiter.destroy());
    waiter.write(`${JSON.stringify(holder)}\n`);
  });
  const release = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      for (const waiter of waiters) waiter.destroy();
    });
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined);
      else reject(new Error(`cannot take the lock ${name}`, { cause: error }));
    });
    server.listen(socketPath(name), () => {
      // A held lock must not keep the process alive.
      server.unref();
      resolve({ release, [Symbol.asyncDispose]: release });
    });
  });
}

/**
 * How long to wait for the description of the holder, in milliseconds. After this time we still wait for the lock, but
 * report that its holder is unknown: the holder may be busy or stopped.
 */
const answerTimeoutMs = 2000;

const holderSchema = z.object({ pid: z.number(), what: z.string(), since: z.string() });

function waitForRelease(name: string, onWait: LockRequest['onWait'], signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(socketPath(name));
    let answer = '';
    let isNamed = false;
    const say = (holder: LockHolder | undefined) => {
      if (isNamed) return;
      isNamed = true;
      onWait?.(holder);
    };
    const unanswered = setTimeout(() => say(undefined), answerTimeoutMs);
    const onAbort = () => socket.destroy(signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => {
      answer += text;
      if (answer.includes('\n') || answer.length > 10_000) say(parseHolder(answer));
    });
    // Whatever ends the connection, the lock is released. ECONNREFUSED means that it was free before we connected.
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      clearTimeout(unanswered);
      signal?.removeEventListener('abort', onAbort);
      if (signal?.aborted === true) reject(signal.reason);
      else resolve();
    });
  });
}

function parseHolder(answer: string): LockHolder | undefined {
  try {
    return holderSchema.parse(JSON.parse(answer));
  } catch {
    // The holder does not use our protocol: it holds the lock, but without a name.
    return undefined;
  }
}
