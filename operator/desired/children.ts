import { components } from '#contract/names.ts';
import type { SumPipeline } from '#operator/api/types.ts';
import type { Child, ChildObject } from './child.ts';
import { type OwnedKind, ownership } from './childKinds.ts';
import { buildDeployment } from './deployment.ts';
import type { Facts } from './facts.ts';
import { buildHorizontalPodAutoscaler } from './horizontalPodAutoscaler.ts';
import { buildKafkaCa } from './kafkaCa.ts';
import { buildKafkaTopic } from './kafkaTopic.ts';
import { buildLogFile } from './logFile.ts';
import { buildPodDisruptionBudget } from './podDisruptionBudget.ts';
import { buildAlertRule, buildScalingRule } from './prometheusRule.ts';
import { buildRole, buildRoleBinding } from './role.ts';
import { buildScaledObject } from './scaledObject.ts';
import { buildHeadlessService, buildService } from './service.ts';
import { buildServiceAccount } from './serviceAccount.ts';
import { buildServiceMonitor } from './serviceMonitor.ts';
import { buildTopicFile } from './topicFile.ts';
import { buildVerdicts } from './verdicts.ts';

/** Builds every object that should exist for a pipeline, in the order in which the objects are applied. */
export function buildChildren(pipeline: SumPipeline, facts: Facts): Child[] {
  const one = (owned: OwnedKind, object: ChildObject | undefined): Child[] =>
    object === undefined ? [] : [{ owned, object }];
  return [
    ...components.flatMap((component) =>
      one(ownership.serviceAccount, buildServiceAccount(pipeline, facts, component)),
    ),
    ...one(ownership.role, buildRole(pipeline, facts)),
    ...one(ownership.roleBinding, buildRoleBinding(pipeline, facts)),
    ...one(ownership.configMap, buildVerdicts(pipeline, facts)),
    ...one(ownership.configMap, buildKafkaCa(pipeline, facts)),
    ...one(ownership.configMap, buildTopicFile(pipeline, facts)),
    ...one(ownership.configMap, buildLogFile(pipeline, facts)),
    ...one(ownership.kafkaTopic, buildKafkaTopic(pipeline, facts)),
    ...components.flatMap((component) => [
      ...one(ownership.service, buildService(pipeline, facts, component)),
      ...one(ownership.service, buildHeadlessService(pipeline, facts, component)),
    ]),
    ...components.flatMap((component) => [
      ...one(ownership.deployment, buildDeployment(pipeline, facts, component)),
      ...one(ownership.podDisruptionBudget, buildPodDisruptionBudget(pipeline, facts, component)),
    ]),
    ...components.flatMap((component) =>
      one(ownership.horizontalPodAutoscaler, buildHorizontalPodAutoscaler(pipeline, facts, component)),
    ),
    ...one(ownership.scaledObject, buildScaledObject(pipeline, facts)),
    ...one(ownership.prometheusRule, buildScalingRule(pipeline, facts)),
    ...one(ownership.prometheusRule, buildAlertRule(pipeline, facts)),
    ...components.flatMap((component) =>
      one(ownership.serviceMonitor, buildServiceMonitor(pipeline, facts, component)),
    ),
  ];
}
