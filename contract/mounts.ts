/**
 * The folder in our pods in which the operator mounts Secrets and ConfigMaps. The file names below do not depend on the
 * keys of the user's Secrets. The volumes are optional: if a Secret is missing, the pod still starts, and the program
 * reports which Secret is missing.
 */
const mountRoot = '/etc/sumpipeline';

export const mounts = {
  kafkaCa: { volume: 'kafka-ca', directory: `${mountRoot}/kafka-ca`, file: 'ca.crt' },
  kafkaUsername: { volume: 'kafka-user', directory: `${mountRoot}/kafka-user`, file: 'username' },
  kafkaPassword: { volume: 'kafka-user', directory: `${mountRoot}/kafka-user`, file: 'password' },
  storeUri: { volume: 'store', directory: `${mountRoot}/store`, file: 'uri' },
  topic: { volume: 'topic', directory: `${mountRoot}/topic`, file: 'topic.json' },
  log: { volume: 'log', directory: `${mountRoot}/log`, file: 'log.json' },
  storeCa: { volume: 'store-ca', directory: `${mountRoot}/store-ca`, file: 'ca.crt' },
} as const;

export function mountPath(mount: { directory: string; file: string }): string {
  return `${mount.directory}/${mount.file}`;
}
