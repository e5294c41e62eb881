import { mounts } from '#contract/mounts.ts';
import type { Component } from '#contract/names.ts';
import type { SumPipeline } from '#operator/api/types.ts';
import type { Facts } from './facts.ts';
import { kafkaCaName } from './kafkaCa.ts';
import { logFileName } from './logFile.ts';
import { isTopicOfAggregators, topicFileName } from './topicFile.ts';

/** The files of one volume and their source. */
interface Projection {
  readonly mount: { readonly volume: string; readonly directory: string; readonly file: string };
  readonly kind: 'secret' | 'configMap';
  readonly name: string;
  readonly key: string;
}

/**
 * Builds the volumes: Secrets, the CA and the wanted topic as files. Every source is optional: if a Secret is
 * missing, the program names it in a message, and the pod does not hang in ContainerCreating. The kubelet updates the
 * files, so a rotation needs no restart.
 */
export function buildVolumes(pipeline: SumPipeline, facts: Facts, component: Component) {
  const projections = [
    ...kafkaProjections(pipeline, facts),
    ...(component === 'aggregator'
      ? [...storeProjections(pipeline), ...topicProjections(pipeline)]
      : [logProjection(pipeline)]),
  ];
  const byVolume = Map.groupBy(projections, ({ mount }) => mount.volume);
  const volumes: object[] = [];
  const volumeMounts: object[] = [];
  for (const [volume, files] of byVolume) {
    volumes.push({ name: volume, projected: { defaultMode, sources: files.map(toSource) } });
    for (const directory of new Set(files.map(({ mount }) => mount.directory))) {
      volumeMounts.push({ name: volume, mountPath: directory, readOnly: true });
    }
  }
  return { volumes, volumeMounts };
}

/** Mode of the files: every user may read them, because OpenShift chooses the user of a pod and we set no fsGroup. */
const defaultMode = 0o444;

function toSource({ kind, name, key, mount }: Projection): object {
  return { [kind]: { name, optional: true, items: [{ key, path: mount.file }] } };
}

function kafkaProjections(pipeline: SumPipeline, facts: Facts): Projection[] {
  const { tls, auth } = pipeline.spec.kafka;
  const projections: Projection[] = [];
  if (facts.kafka.caPem !== undefined) {
    const name = kafkaCaName(pipeline);
    projections.push({ mount: mounts.kafkaCa, kind: 'configMap', name, key: mounts.kafkaCa.file });
  } else if (tls?.enabled && tls.caSecretRef !== undefined) {
    projections.push({ mount: mounts.kafkaCa, kind: 'secret', ...tls.caSecretRef });
  }
  if (auth !== undefined) {
    const { name, usernameKey, passwordKey } = auth.scram.secretRef;
    projections.push({ mount: mounts.kafkaUsername, kind: 'secret', name, key: usernameKey });
    projections.push({ mount: mounts.kafkaPassword, kind: 'secret', name, key: passwordKey });
  }
  return projections;
}

function storeProjections(pipeline: SumPipeline): Projection[] {
  const { secretRef, caSecretRef } = pipeline.spec.store.postgres;
  const uri: Projection = { mount: mounts.storeUri, kind: 'secret', name: secretRef.name, key: secretRef.uriKey };
  return caSecretRef === undefined ? [uri] : [uri, { mount: mounts.storeCa, kind: 'secret', ...caSecretRef }];
}

/**
 * Returns the mount of the log file. Pods have it before its ConfigMap exists: they must not restart when the
 * aggregators report the log for the first time.
 */
function logProjection(pipeline: SumPipeline): Projection {
  return { mount: mounts.log, kind: 'configMap', name: logFileName(pipeline), key: mounts.log.file };
}

function topicProjections(pipeline: SumPipeline): Projection[] {
  if (!isTopicOfAggregators(pipeline)) return [];
  return [{ mount: mounts.topic, kind: 'configMap', name: topicFileName(pipeline), key: mounts.topic.file }];
}
