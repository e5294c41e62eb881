import path from 'node:path';
import { parseAllDocuments, type Tags, type YAMLError } from 'yaml';
import { z } from 'zod';

/**
 * This file parses one kubeconfig file as client-go does (tools/clientcmd/api/v1). Unknown fields are ignored. Null and
 * the empty string mean "not set". A field of another type is an error.
 */

const text = z
  .string()
  .nullish()
  .transform((value) => value ?? '');
const flag = z
  .boolean()
  .nullish()
  .transform((value) => value ?? false);
const listOf = <T extends z.ZodType>(item: T) =>
  z
    .array(item)
    .nullish()
    .transform((items) => items ?? []);
const orEmpty = <T extends z.ZodType>(schema: T) => z.preprocess((value) => value ?? {}, schema);

/** Base64 as Go decodes it: line ends are skipped, and the padding is required. */
const base64 = text.transform((value, context) => {
  const compact = value.replaceAll(/[\r\n]/g, '');
  if (z.base64().safeParse(compact).success) return Buffer.from(compact, 'base64').toString('utf8');
  context.addIssue({ code: 'custom', message: 'not base64' });
  return z.NEVER;
});

const clusterSchema = orEmpty(
  z.object({
    server: text,
    'tls-server-name': text,
    'insecure-skip-tls-verify': flag,
    'certificate-authority': text,
    'certificate-authority-data': base64,
    'proxy-url': text,
    'disable-compression': flag,
    extensions: listOf(z.object({ name: text, extension: z.unknown() })),
  }),
).transform((cluster) => ({
  server: cluster.server,
  tlsServerName: cluster['tls-server-name'],
  isInsecure: cluster['insecure-skip-tls-verify'],
  caFile: cluster['certificate-authority'],
  caData: cluster['certificate-authority-data'],
  proxyUrl: cluster['proxy-url'],
  disablesCompression: cluster['disable-compression'],
  /** Value that an exec plugin gets as `spec.cluster.config`. */
  execConfig: cluster.extensions.find(({ name }) => name === 'client.authentication.k8s.io/exec')?.extension,
}));

const execSchema = z
  .object({
    command: text,
    args: listOf(text),
    env: listOf(z.object({ name: text, value: text })),
    apiVersion: text,
    installHint: text,
    provideClusterInfo: flag,
    interactiveMode: text,
  })
  .transform((exec) => ({
    ...exec,
    // interactiveMode has a default only in v1alpha1 and v1beta1. In v1 the field is required.
    interactiveMode: exec.interactiveMode || (/\/v1(alpha|beta)1$/.test(exec.apiVersion) ? 'IfAvailable' : ''),
  }));

const userSchema = orEmpty(
  z.object({
    'client-certificate': text,
    'client-certificate-data': base64,
    'client-key': text,
    'client-key-data': base64,
    token: text,
    tokenFile: text,
    username: text,
    password: text,
    as: text,
    'as-uid': text,
    'as-groups': listOf(text),
    'as-user-extra': z.record(z.string(), listOf(text)).nullish(),
    'auth-provider': z.object({ name: text, config: z.record(z.string(), text).nullish() }).nullish(),
    exec: execSchema.nullish(),
  }),
).transform((user) => ({
  certFile: user['client-certificate'],
  certData: user['client-certificate-data'],
  keyFile: user['client-key'],
  keyData: user['client-key-data'],
  token: user.token,
  tokenFile: user.tokenFile,
  username: user.username,
  password: user.password,
  impersonate: {
    user: user.as,
    uid: user['as-uid'],
    groups: user['as-groups'],
    extra: user['as-user-extra'] ?? {},
  },
  authProvider: user['auth-provider'] ?? undefined,
  exec: user.exec ?? undefined,
}));

const contextSchema = orEmpty(z.object({ cluster: text, user: text, namespace: text }));

export type Cluster = z.output<typeof clusterSchema>;
export type User = z.output<typeof userSchema>;
export type Context = z.output<typeof contextSchema>;
export type Exec = z.output<typeof execSchema>;

export const noCluster: Cluster = clusterSchema.parse({});
export const noUser: User = userSchema.parse({});

const fileSchema = orEmpty(
  z.object({
    apiVersion: z.enum(['', 'v1']).nullish(),
    kind: z.enum(['', 'Config']).nullish(),
    'current-context': text,
    clusters: listOf(z.object({ name: text, cluster: clusterSchema })),
    users: listOf(z.object({ name: text, user: userSchema })),
    contexts: listOf(z.object({ name: text, context: contextSchema })),
  }),
);

export interface KubeconfigFile {
  readonly currentContext: string;
  readonly clusters: ReadonlyMap<string, Cluster>;
  readonly users: ReadonlyMap<string, User>;
  readonly contexts: ReadonlyMap<string, Context>;
}

/** Parses the text of `file`. Paths in it become absolute: relative ones start at the folder of the file. */
export function parseKubeconfigFile(content: string, file: string): KubeconfigFile {
  const parsed = fileSchema.safeParse(readYaml(content));
  if (!parsed.success) throw new Error(z.prettifyError(parsed.error));
  const folder = path.dirname(path.resolve(file));
  const { clusters, users, contexts } = parsed.data;
  return {
    currentContext: parsed.data['current-context'],
    clusters: index(clusters.map(({ name, cluster }) => [name, clusterIn(folder, cluster)])),
    users: index(users.map(({ name, user }) => [name, userIn(folder, user)])),
    contexts: index(contexts.map(({ name, context }) => [name, context])),
  };
}

/**
 * Reads YAML as go-yaml does, which is version 1.1: `yes` means true, and merge keys work. If a key occurs twice, the
 * last value counts. If the file has several documents, the first document counts. Dates and times such as `1:30` stay
 * text.
 */
function readYaml(content: string): unknown {
  const customTags = (tags: Tags): Tags =>
    tags.filter((tag) => typeof tag === 'string' || (!tag.tag.endsWith(':timestamp') && tag.format !== 'TIME'));
  // Show no warnings of the parser: they quote the file, which contains secrets.
  const options = { version: '1.1', uniqueKeys: false, customTags, logLevel: 'error' } as const;
  const documents = parseAllDocuments(content, options);
  if (!Array.isArray(documents)) return undefined;
  const [document] = documents;
  const [error] = document?.errors ?? [];
  if (error !== undefined) throw new Error(describeYamlError(error));
  try {
    return document?.toJS();
  } catch (error) {
    // Keep only the beginning of the message, such as `Unresolved alias`. The remaining text quotes the file.
    const [kind = ''] = error instanceof Error ? error.message.split(/[(:]/, 1) : [];
    throw new Error(`not YAML: ${kind.trim()}`);
  }
}

/** Returns kind and position of the error, without its message: the message quotes the file, which contains secrets. */
function describeYamlError({ code, linePos }: YAMLError): string {
  const place = linePos === undefined ? '' : ` at line ${linePos[0].line}, column ${linePos[0].col}`;
  return `not YAML: ${code.toLowerCase().replaceAll('_', ' ')}${place}`;
}

function index<T>(entries: readonly (readonly [string, T])[]): ReadonlyMap<string, T> {
  const byName = new Map<string, T>();
  for (const [name, entry] of entries) {
    if (byName.has(name)) throw new Error(`two entries have the name "${name}"`);
    byName.set(name, entry);
  }
  return byName;
}

function clusterIn(folder: string, cluster: Cluster): Cluster {
  return { ...cluster, caFile: fileIn(folder, cluster.caFile) };
}

function userIn(folder: string, user: User): User {
  const { certFile, keyFile, tokenFile, exec } = user;
  return {
    ...user,
    certFile: fileIn(folder, certFile),
    keyFile: fileIn(folder, keyFile),
    tokenFile: fileIn(folder, tokenFile),
    // A command without a slash is searched in PATH.
    exec: exec?.command.includes('/') ? { ...exec, command: fileIn(folder, exec.command) } : exec,
  };
}

function fileIn(folder: string, file: string): string {
  return file === '' ? '' : path.resolve(folder, file);
}
