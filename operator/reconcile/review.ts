import type { CountedLog } from '#contract/countedLog.ts';
import { type Component, childName, components } from '#contract/names.ts';
import type { Status, SumPipeline } from '#operator/api/types.ts';
import { ownership } from '#operator/desired/childKinds.ts';
import { endpointsOf, imageOf, refOf, topicOf } from '#operator/desired/identity.ts';
import type { KafkaProblemReason } from '#operator/desired/kafka.ts';
import { isTopicOfAggregators } from '#operator/desired/topicFile.ts';
import type { AutoscalingInput, ScaledComponent } from '#operator/observe/autoscaling.ts';
import { observeDeployment, type WorkloadHealth } from '#operator/observe/deployment.ts';
import { observeDrift } from '#operator/observe/drift.ts';
import { observeKafkaTopic } from '#operator/observe/kafkaTopic.ts';
import type { LiveChild, LiveConfigMap, LiveDeployment } from '#operator/observe/objects.ts';
import { observeOwnTopic } from '#operator/observe/ownTopic.ts';
import { hpaOf } from '#operator/observe/scaler.ts';
import { explainUnselected } from '#operator/observe/selection.ts';
import { type ObservedVerdict, observeVerdict } from '#operator/observe/verdict.ts';
import { replicasOf } from '#operator/plan/action.ts';
import type { Monitoring, StatusInput } from '#operator/status/input.ts';
import type { Issue } from '#operator/status/issue.ts';
import type { World } from './gather.ts';

/** Health of the children and the merged verdict of one pass. */
export interface Review {
  readonly workloads: Readonly<Record<Component, WorkloadHealth>>;
  readonly verdict: ObservedVerdict;
  readonly proof: LiveConfigMap | undefined;
}

export function review(world: World): Review {
  const ref = refOf(world.pipeline);
  const workload = (component: Component) => {
    const name = childName.workload(ref, component);
    return observeDeployment(name, findChild(world, ownership.deployment.kind, name), world.pods[component]);
  };
  const proof: LiveConfigMap | undefined = findChild(world, ownership.configMap.kind, childName.proof(ref));
  return {
    workloads: { calculator: workload('calculator'), aggregator: workload('aggregator') },
    verdict: observeVerdict(proof, world.pods.aggregator),
    proof,
  };
}

/** Returns the input for the status of this pass. */
export function toStatusInput(
  world: World,
  context: {
    readonly previous: Status | undefined;
    readonly issues: readonly Issue[];
    readonly logInUseBy: string | undefined;
    readonly now: string;
  },
): StatusInput {
  const { pipeline, kafka, facts } = world;
  const { workloads, verdict } = review(world);
  const problem = kafka?.ok === false ? kafka : undefined;
  return {
    ...context,
    generation: pipeline.metadata.generation,
    kafka: {
      problem:
        problem === undefined
          ? undefined
          : { reason: problem.reason, message: problem.message, needsSpecChange: needsSpecChange.has(problem.reason) },
      topic: topicHealthOf(world, verdict),
    },
    workloads,
    verdict,
    autoscaling: toAutoscalingInput(world, verdict.partitions),
    monitoring: monitoringOf(world),
    drift: components.flatMap((component) => {
      const name = childName.workload(refOf(pipeline), component);
      const deployment: LiveDeployment | undefined = findChild(world, ownership.deployment.kind, name);
      return deployment === undefined ? [] : observeDrift(deployment);
    }),
    shown: {
      image: facts === undefined ? pipeline.spec.image : imageOf(pipeline, facts),
      bootstrap: facts?.kafka.bootstrapServers.join(','),
      topic: topicOf(pipeline),
      log: countedLogOf(pipeline, verdict.logs, context.previous),
      logInUseBy: context.logInUseBy,
      endpoints: { calculator: endpointsOf(pipeline, 'calculator'), aggregator: endpointsOf(pipeline, 'aggregator') },
    },
  };
}

/**
 * Returns the log that the ledger counts, as the aggregators report it. If no aggregator reports it now, returns the
 * log in the previous status, because calculators that start at this time need it.
 */
export function countedLogOf(
  pipeline: SumPipeline,
  reported: readonly CountedLog[],
  previous: Status | undefined,
): CountedLog | undefined {
  const topic = topicOf(pipeline);
  const known = [...reported, ...(previous?.log === undefined ? [] : [previous.log])];
  return known.find((log) => log.topic === topic);
}

/** Problems that only a change of the spec can fix. */
const needsSpecChange: ReadonlySet<KafkaProblemReason> = new Set(['ListenerNotFound', 'TopicNameNotPermitted']);

function topicHealthOf(world: World, verdict: ObservedVerdict) {
  const { pipeline } = world;
  const { topic } = pipeline.spec.kafka;
  if (topic.management !== 'Managed' || world.facts === undefined) return undefined;
  if (isTopicOfAggregators(pipeline)) {
    // Aggregators without Kafka cannot grow the topic. The status reports the problem with Kafka instead.
    if (topic.partitions === undefined || verdict.kafka?.ok !== true) return undefined;
    return observeOwnTopic({ topic: topicOf(pipeline), wanted: topic.partitions, found: verdict.partitions });
  }
  const { namespace, name } = refOf(world.pipeline);
  const topicName = `${namespace}.${name}`;
  return observeKafkaTopic(topicName, findChild(world, ownership.kafkaTopic.kind, topicName));
}

function toAutoscalingInput(world: World, reported: number | undefined): AutoscalingInput {
  const { pipeline, live, facts } = world;
  const { spec } = pipeline;
  const ref = refOf(pipeline);
  return {
    components: components.flatMap((component): ScaledComponent[] => {
      const { autoscaling } = spec[component];
      if (autoscaling === undefined) return [];
      const name = childName.workload(ref, component);
      const deployment = findChild(world, ownership.deployment.kind, name);
      return [
        {
          component,
          mode: 'mode' in autoscaling ? autoscaling.mode : 'hpa',
          min: autoscaling.min,
          max: autoscaling.max,
          replicas: deployment === undefined ? 0 : replicasOf(deployment),
          hpa: hpaOf(live, name),
        },
      ];
    }),
    isMonitoringEnabled: spec.monitoring.enabled,
    ...world.scaling,
    metricsApis: world.metricsApis,
    hasTolerance: facts?.scaling.hasTolerance ?? true,
    partitions: spec.kafka.topic.partitions ?? reported,
    rulesName: childName.scalingRules(ref),
    namespace: ref.namespace,
  };
}

function monitoringOf(world: World): Monitoring {
  switch (world.monitoring) {
    case 'disabled':
      return { state: 'disabled' };
    case 'notInstalled':
      return { state: 'crdNotInstalled' };
    case 'forbidden':
      return { state: 'forbidden' };
    case 'pending':
      return { state: 'pending' };
    case 'synced': {
      const ref = refOf(world.pipeline);
      const isThere = (component: Component) =>
        findChild(world, ownership.serviceMonitor.kind, childName.workload(ref, component)) !== undefined;
      if (!components.every(isThere)) return { state: 'pending' };
      const problem = explainUnselected(world.prometheuses ?? [], world.live);
      return problem === undefined ? { state: 'ready' } : { state: 'notSelected', message: problem };
    }
    default:
      throw world.monitoring satisfies never;
  }
}

function findChild(world: World, kind: string, name: string): LiveChild | undefined {
  return world.live.find((object) => object.kind === kind && object.metadata.name === name);
}

/**
 * Returns the facts after the writes of this pass, because the status must describe what was written. The generation of
 * a scaled Deployment is raised, so its rollout counts as pending until its controller has seen the change.
 */
export function afterWrites(
  world: World,
  done: {
    readonly written: readonly LiveChild[];
    readonly scaled: readonly { readonly name: string; readonly to: number }[];
  },
): World {
  const isSame = (left: LiveChild, right: LiveChild) =>
    left.kind === right.kind &&
    left.metadata.name === right.metadata.name &&
    left.metadata.namespace === right.metadata.namespace;
  const untouched = world.live.filter((object) => !done.written.some((written) => isSame(object, written)));
  const live = [...untouched, ...done.written].map((object) => {
    const scaled = done.scaled.find(
      ({ name }) => object.kind === ownership.deployment.kind && object.metadata.name === name,
    );
    if (scaled === undefined) return object;
    const generation = (object.metadata.generation ?? 0) + 1;
    return { ...object, metadata: { ...object.metadata, generation }, spec: { ...object.spec, replicas: scaled.to } };
  });
  return { ...world, live };
}
