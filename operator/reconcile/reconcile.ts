import type { Reconcile, ReconcileResult } from '#kube/control/controller.ts';
import { parsePipeline } from '#operator/api/parse.ts';
import { formatProblems } from '#operator/api/problem.ts';
import type { Child } from '#operator/desired/child.ts';
import { buildChildren } from '#operator/desired/children.ts';
import { kafkaNamespaceOf } from '#operator/desired/identity.ts';
import { type PlanInput, planChanges } from '#operator/plan/plan.ts';
import type { SettledChild } from '#operator/plan/settled.ts';
import type { Issue } from '#operator/status/issue.ts';
import { buildStatus } from '#operator/status/status.ts';
import { deletePipeline } from './delete.ts';
import { execute } from './execute.ts';
import { endPass } from './failure.ts';
import { gather, type World } from './gather.ts';
import { findLogConflict } from './logUsers.ts';
import { beginPass, type Pass, type ReconcileDependencies, timeOf, toExecuteContext } from './pass.ts';
import { publishObstacle, publishStatus } from './publish.ts';
import { wantedReplicas } from './replicas.ts';
import { afterWrites, countedLogOf, type Review, review, toStatusInput } from './review.ts';
import { markStopped, withoutNewWork, withoutPods } from './stopped.ts';

/** Returns the reconcile function: for one SumPipeline it observes, plans, applies and reports. */
export function createReconcile(dependencies: ReconcileDependencies): Reconcile {
  const settledByKey = new Map<string, Map<string, SettledChild>>();

  return async (key, run) => {
    const object = dependencies.caches.pipelines.store.get(key);
    if (object === undefined) {
      settledByKey.delete(key);
      dependencies.census.forget(key);
      return {};
    }
    const settled = settledByKey.get(key) ?? new Map<string, SettledChild>();
    settledByKey.set(key, settled);
    const pass = beginPass({ dependencies, run, key, object, settled });
    return object.metadata.deletionTimestamp === undefined ? reconcilePipeline(pass) : deletePipeline(pass);
  };
}

async function reconcilePipeline(pass: Pass): Promise<ReconcileResult> {
  const { caches, watchKafka, pipelinesOfLog, operatorImage, serverVersion } = pass.dependencies;
  // Leave out the status: another version of the operator may have written it, and we may be unable to parse it.
  const parsed = parsePipeline({ ...pass.object, status: undefined });
  if (!parsed.ok) {
    const message = `${formatProblems(parsed.problems)}: correct the resource`;
    return publishObstacle(pass, { kind: 'stalled', reason: 'InvalidSpec', message });
  }
  const declared = parsed.value;

  // Observe: read all facts here, once.
  const kafkaNamespace = kafkaNamespaceOf(declared);
  const kafka = kafkaNamespace === undefined ? undefined : watchKafka(kafkaNamespace);
  const { children, pods, apiServices, prometheuses } = caches;
  const serverMinor = await serverVersion.minor(pass.run.signal);
  const seen = gather(declared, { children, pods, apiServices, prometheuses, kafka }, { operatorImage, serverMinor });
  if (seen.blindTo.length > 0) return publishObstacle(pass, blindness(seen.blindTo));
  // The first list in Kafka's namespace is in progress. The end of this list triggers another pass.
  if (seen.kafka === undefined) return {};

  // Plan and apply. While the connection to Kafka is not known, the desired state is not known: change nothing.
  const found = review(seen);
  const log = countedLogOf(declared, found.verdict.logs, pass.previous);
  const conflict = findLogConflict(pass.object, log, pipelinesOfLog);
  const pipeline = conflict === undefined ? declared : withoutPods(declared);
  const world = { ...seen, pipeline };
  const isStopping = conflict !== undefined;
  const built = world.facts === undefined ? undefined : buildChildren(pipeline, { ...world.facts, log });
  const kept = built && isStopping ? withoutNewWork(built, world.live) : built;
  const desired = kept && markStopped(kept, world.live, isStopping);
  const actions = desired === undefined ? [] : planChanges(toPlanInput(pass, { world, found, desired }));
  const done = await execute(actions, toExecuteContext(pass));

  // Report the state after our own writes.
  const after = afterWrites(world, done);
  pass.record(done.events);
  const input = toStatusInput(after, {
    previous: pass.previous,
    issues: [...(conflict === undefined ? [] : [conflict.issue]), ...done.failures],
    logInUseBy: conflict?.inUseBy,
    now: timeOf(pass),
  });
  await publishStatus(pass, buildStatus(input));
  forgetGone(pass.settled, after);
  return endPass(done.failures);
}

interface Seen {
  readonly world: World;
  readonly found: Review;
  readonly desired: readonly Child[];
}

function toPlanInput(pass: Pass, { world, found, desired }: Seen): PlanInput {
  const { workloads, verdict, proof } = found;
  return {
    desired,
    replicas: wantedReplicas(world.pipeline, world.live),
    live: world.live,
    inventory: { entries: pass.owner.inventory, hasFinalizer: pass.hasFinalizer },
    settled: pass.settled,
    areWorkloadsCurrent: Object.values(workloads).every(({ state }) => state === 'ready'),
    proof: proof === undefined ? undefined : { live: proof, gonePods: verdict.goneKeys },
  };
}

function blindness(kinds: readonly string[]): Issue {
  const message = `the operator has no permission to list ${kinds.join(', ')}: apply the ClusterRole of this operator version`;
  return { kind: 'waiting', reason: 'AccessForbidden', message };
}

/** Removes entries of children that no longer exist, so that the map does not grow. */
function forgetGone(settled: Map<string, SettledChild>, { live }: World): void {
  const uids = new Set(live.map(({ metadata }) => metadata.uid));
  for (const uid of settled.keys()) if (!uids.has(uid)) settled.delete(uid);
}
