import { connect, createServer, type Socket } from 'node:net';
import { z } from 'zod';

/** Who holds a lock, as they said it themselves. */
export interface LockHolder {
  readonly pid: number;
  /** What they do with it, such as "the local cluster of npm start". */
  readonly what: string;
  /** ISO 8601. */
  readonly since: string;
}

export interface LockRequest {
  /** The same name is the same lock, for every user of the machine. */
  readonly name: string;
  /** What we do with it; shown to those who wait for us. */
  readonly what: string;
  /** Called once for every holder we have to wait for; undefined when it does not answer. */
  readonly onWait?: (holder: LockHolder | undefined) => void;
  /** Ends the waiting with its reason. Default: wait for ever. */
  readonly signal?: AbortSignal;
  /** The clock for `since`. */
  readonly now?: () => Date;
}

export interface Lock extends AsyncDisposable {
  release(): Promise<void>;
}

/**
 * Takes a lock that holds for the whole machine, waiting until it is free and never stopping its holder.
 *
 * The lock is an abstract Unix socket: the kernel gives a name to one process at a time and takes it back the moment that
 * process ends, also by kill -9 or a power cut, so there is no stale lock and no pid file that lies. (A lock file of
 * flock does the same but cannot answer who holds it.) The holder answers every connection with who it is and keeps the
 * connection open; a waiter learns of the release by its end, without polling. Abstract names belong to a network
 * namespace: two containers do not see each other's lock.
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

/** Who holds the lock now; undefined when it is free or its holder does not answer. */
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
    // A waiter that goes away in the middle is its own affair; 'close' follows.
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
      // Holding a lock is no reason for a process to live on.
      server.unref();
      resolve({ release, [Symbol.asyncDispose]: release });
    });
  });
}

/** A holder whose event loop is busy or that was stopped is waited for all the same, but without a name. */
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
    // The end of the connection, in whatever way, is the release; ECONNREFUSED means it was free before we asked.
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
    // Not one of ours: still the holder, but one without a name.
    return undefined;
  }
}
