import { labelKeys } from '#contract/labels.ts';
import type { Component } from '#contract/names.ts';
import { type Verdict, verdictSchema } from '#contract/verdict.ts';
import type { KubeClient } from '#kube/client/client.ts';
import type { KubeObject, Resource } from '#kube/client/object.ts';
import { configMaps } from '#kube/testing/kinds.ts';
import { deployments, kafkaTopics, pods } from '#operator/reconcile/resources.ts';

/**
 * Stand-ins for programs that a bare API server lacks: each writes only what the real program would write.
 */
const asKubelet = { fieldManager: 'stand-in-kubelet', force: true };
const asController = { fieldManager: 'stand-in-deployment-controller', force: true };
const asAggregator = { fieldManager: 'stand-in-aggregator' };
const asTopicOperator = { fieldManager: 'stand-in-topic-operator', force: true };

/** Reports the status of a Deployment, as its controller does, with this many ready pods (all by default). */
export async function reportDeployment(
  client: KubeClient,
  target: { namespace: string; name: string },
  options: { ready?: number; conditions?: object[] } = {},
): Promise<void> {
  const live = await client.get(deployments, target);
  const replicas = live.spec?.replicas ?? 1;
  const ready = options.ready ?? replicas;
  const status = {
    observedGeneration: live.metadata.generation ?? 0,
    replicas,
    updatedReplicas: replicas,
    readyReplicas: ready,
    availableReplicas: ready,
    conditions: options.conditions ?? [],
  };
  await client.applyStatus(deployments, { ...headOf(deployments, target), status }, asController);
}

/** Reports a pod of a component, as the kubelet does. The pod is ready, or waits for a reason. */
export async function reportPod(
  client: KubeClient,
  options: {
    namespace: string;
    name: string;
    pipeline: string;
    component: Component;
    ready: boolean;
    waiting?: object;
    lastState?: object;
  },
): Promise<void> {
  const { namespace, name, pipeline, component, ready } = options;
  const labels = { [labelKeys.namespace]: namespace, [labelKeys.name]: pipeline, [labelKeys.component]: component };
  const head = headOf(pods, { namespace, name });
  const spec = { containers: [{ name: 'sumpipeline', image: 'sumpipeline:test' }] };
  await client.apply(pods, { ...head, metadata: { ...head.metadata, labels }, spec } as KubeObject, asKubelet);
  const container = {
    name: 'sumpipeline',
    image: 'sumpipeline:test',
    imageID: '',
    ready,
    restartCount: 0,
    state: options.waiting === undefined ? { running: {} } : { waiting: options.waiting },
    ...(options.lastState === undefined ? {} : { lastState: options.lastState }),
  };
  const status = {
    phase: 'Running',
    conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
    containerStatuses: [container],
  };
  await client.applyStatus(pods, { ...head, status } as KubeObject, asKubelet);
}

/** Writes a verdict under its own key, as an aggregator does. */
export async function writeVerdict(
  client: KubeClient,
  target: { namespace: string; pipeline: string; pod: string },
  verdict: Verdict,
): Promise<void> {
  const data = { [target.pod]: JSON.stringify(verdictSchema.parse(verdict)) };
  const proof = { namespace: target.namespace, name: `${target.pipeline}-proof` };
  await client.mergePatch(configMaps, proof, { data }, asAggregator);
}

/** Adds a finalizer to a KafkaTopic and reports it as ready, as Strimzi's Topic Operator does. */
export async function takeUpTopic(client: KubeClient, target: { namespace: string; name: string }): Promise<void> {
  const finalizers = ['strimzi.io/topic-operator'];
  const head = headOf(kafkaTopics, target);
  const { object } = await client.apply(
    kafkaTopics,
    { ...head, metadata: { ...head.metadata, finalizers } },
    asTopicOperator,
  );
  const status = {
    observedGeneration: object.metadata.generation ?? 0,
    conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' }],
  };
  await client.applyStatus(kafkaTopics, { ...head, status }, asTopicOperator);
}

/** Removes the finalizer from a KafkaTopic that is being deleted, as Strimzi's Topic Operator does. */
export async function letTopicGo(client: KubeClient, target: { namespace: string; name: string }): Promise<void> {
  await client.apply(kafkaTopics, headOf(kafkaTopics, target), asTopicOperator);
}

function headOf(resource: Resource, { namespace, name }: { namespace: string; name: string }) {
  const { group, version, kind } = resource;
  return { apiVersion: group === '' ? version : `${group}/${version}`, kind, metadata: { namespace, name } };
}
