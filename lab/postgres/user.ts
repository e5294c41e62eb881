import { chown, readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/** A user and group by number. */
export interface UserIds {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Returns the user that PostgreSQL runs as. Undefined means the user of this process. PostgreSQL does not run as root,
 * so for root this is the user `nobody`, which exists on every machine (initdb needs a user with a name).
 */
export async function serverUser(): Promise<UserIds | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const passwd = await readFile('/etc/passwd', 'utf8');
  const match = /^nobody:[^:]*:(\d+):(\d+):/m.exec(passwd);
  if (!match)
    throw new Error('/etc/passwd has no user nobody: PostgreSQL refuses to run as root and needs another user');
  return { uid: Number(match[1]), gid: Number(match[2]) };
}

export async function giveTo(user: UserIds | undefined, path: string): Promise<void> {
  if (user) await chown(path, user.uid, user.gid);
}

/** Throws if `user` cannot enter a folder above `path`. PostgreSQL itself would only print "Permission denied". */
export async function requireReachable(user: UserIds | undefined, path: string): Promise<void> {
  if (!user) return;
  for (let dir = path; ; dir = dirname(dir)) {
    const { mode, uid, gid } = await stat(dir);
    const bit = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001;
    if ((mode & bit) === 0) {
      throw new Error(
        `PostgreSQL runs as user nobody, who cannot enter ${dir}. Choose a folder outside ${dir}, or run: chmod o+x ${dir}`,
      );
    }
    if (dir === dirname(dir)) return;
  }
}
