import { z } from 'zod';

/**
 * The rules for the contents of the image. The Dockerfile has the same rules in its own form. dockerfile.test.ts
 * checks that both agree.
 */

/** Files and folders of the repository that the program needs at run time. They keep their paths below /app. */
export const shippedSources = [
  'package.json',
  'sumpipeline.ts',
  'audit',
  'cli',
  'contract',
  'core',
  'kube',
  'operator',
  'platform',
  'services',
] as const;

/** Returns whether a file of the repository goes into the image. Tests and files that only tests use are left out. */
export function isShippedSource(path: string): boolean {
  const parts = path.split('/');
  if (!shippedSources.some((source) => source === parts[0])) return false;
  return !parts.some((part) => part === 'testing' || part === 'golden') && !/\.test\.ts$|\.d\.ts$/.test(path);
}

/** Returns whether a file of a package is needed at run time. Declarations and source maps are half of the size. */
export function isNeededAtRunTime(path: string): boolean {
  return !/\.d\.[cm]?ts$|\.map$/.test(path);
}

const lockSchema = z.object({
  packages: z.record(
    z.string(),
    z.object({
      version: z.string().optional(),
      dev: z.boolean().optional(),
      optional: z.boolean().optional(),
      devOptional: z.boolean().optional(),
    }),
  ),
});

/**
 * Returns the version of each package of production by its path, as `npm ci --omit=dev --omit=optional` installs
 * them.
 */
export function findProductionPackages(packageLock: string): Map<string, string> {
  const { packages } = lockSchema.parse(JSON.parse(packageLock));
  const found = new Map<string, string>();
  for (const [path, { version, dev, optional, devOptional }] of Object.entries(packages)) {
    if (path !== '' && version !== undefined && !dev && !optional && !devOptional) found.set(path, version);
  }
  return found;
}

/**
 * The libraries that the node program is linked against, on Debian for amd64. The first is the dynamic linker. Its path
 * is written in the node program.
 */
export const nodeLibraries = [
  '/lib64/ld-linux-x86-64.so.2',
  '/lib/x86_64-linux-gnu/libc.so.6',
  '/lib/x86_64-linux-gnu/libdl.so.2',
  '/lib/x86_64-linux-gnu/libgcc_s.so.1',
  '/lib/x86_64-linux-gnu/libm.so.6',
  '/lib/x86_64-linux-gnu/libpthread.so.0',
  '/lib/x86_64-linux-gnu/libstdc++.so.6',
] as const;

export const nodePath = '/usr/bin/node';
export const certificatesPath = '/etc/ssl/certs/ca-certificates.crt';

/** Small files of the base layer. They are generated, not copied. */
export const baseTexts = {
  '/etc/passwd': 'root:x:0:0:root:/root:/usr/bin/node\nnonroot:x:65532:65532:nonroot:/app:/usr/bin/node\n',
  '/etc/group': 'root:x:0:\nnonroot:x:65532:\n',
  '/etc/nsswitch.conf': 'hosts: files dns\n',
} as const;

/** Settings of the image for every sub-command. The arguments of a container name the sub-command (`operator`, ...). */
export const imageConfig = {
  // kafkajs sometimes sets timers in the past. The warning is cosmetic and would be the only log line that is not JSON.
  Entrypoint: [nodePath, '--disable-warning=TimeoutNegativeWarning', '/app/sumpipeline.ts'],
  User: '65532:65532',
  WorkingDir: '/app',
  Env: ['PATH=/usr/bin', 'NODE_ENV=production', `SSL_CERT_FILE=${certificatesPath}`],
};
