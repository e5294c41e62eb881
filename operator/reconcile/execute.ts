import { fieldManagers } from '#contract/labels.ts';
import type { KubeClient } from '#kube/client/client.ts';
import { isKubernetesError } from '#kube/client/errors.ts';
import { WaitingError } from '#kube/control/outcome.ts';
import type { Step } from '#operator/desired/childKinds.ts';
import type { LiveChild } from '#operator/observe/objects.ts';
import { type Action, type ActionOf, describeObject } from '#operator/plan/action.ts';
import { findDifference } from '#operator/plan/difference.ts';
import { type SettledChild, toSettled } from '#operator/plan/settled.ts';
import type { EventDraft } from '#operator/status/transitions.ts';
import type { Logger } from '#platform/log.ts';
import { applyChild, createChild } from './apply.ts';
import { type Failure, toFailure } from './failure.ts';
import { writeInventory } from './inventory.ts';
import type { Owner } from './ownership.ts';
import { childResource, configMaps, deployments, pods } from './resources.ts';
import { releaseTopic, retainTopic } from './topic.ts';

export interface ExecuteContext {
  readonly client: KubeClient;
  readonly owner: Owner;
  /** Differences that an apply did not remove, by uid of the child. They are kept from pass to pass. */
  readonly settled: Map<string, SettledChild>;
  readonly logger: Logger;
  /** Called after every successful write, with the type of its action. */
  readonly onWrite: (action: Exclude<Action['type'], 'wait'>) => void;
}

/** What the actions of a plan did. */
export interface Execution {
  /** Children as the API server returned them after our writes. */
  readonly written: readonly LiveChild[];
  readonly scaled: readonly ActionOf<'scale'>[];
  readonly failures: readonly Failure[];
  readonly events: readonly EventDraft[];
}

/**
 * Executes the plan in its order. A failure blocks only the actions that depend on the failed action:
 * - Nothing is created before the finalizer and the inventory are written.
 * - No Deployment is created before its ServiceAccount, its Role and the ConfigMap of verdicts exist.
 * - An inventory entry stays until its object was released.
 */
export async function execute(actions: readonly Action[], context: ExecuteContext): Promise<Execution> {
  const written: LiveChild[] = [];
  const scaled: ActionOf<'scale'>[] = [];
  const created: string[] = [];
  const failures: Failure[] = [];
  const events: EventDraft[] = [];
  const failedSteps = new Set<Step>();
  const notMade = new Set<string>();
  let mayShrink = true;

  for (const action of actions) {
    if (action.type === 'create' && action.child.owned.step === 'workloads' && failedSteps.has('identity')) {
      notMade.add(action.child.object.metadata.name);
      continue;
    }
    if (action.type === 'scale' && notMade.has(action.name)) continue;
    if (action.type === 'record' && !mayShrink) continue;
    try {
      const done = await perform(action, context);
      if (done?.written !== undefined) written.push(done.written);
      if (done?.event !== undefined) events.push(done.event);
      if (action.type === 'create') created.push(describeObject(action.child.object));
      if (action.type === 'scale') scaled.push(action);
      if (action.type !== 'wait') context.onWrite(action.type);
    } catch (error) {
      failures.push(toFailure(error));
      if (action.type === 'record') break;
      if (action.type === 'retain') mayShrink = false;
      if ('child' in action) {
        failedSteps.add(action.child.owned.step);
        if (action.type === 'create') notMade.add(action.child.object.metadata.name);
      }
    }
  }
  if (created.length > 0) events.unshift(event('Normal', 'Created', 'Create', `created ${created.join(', ')}`));
  return { written, scaled, failures, events };
}

interface Done {
  readonly written?: LiveChild;
  readonly event?: EventDraft | undefined;
}

async function perform(action: Action, context: ExecuteContext): Promise<Done | undefined> {
  const { client, owner, logger } = context;
  switch (action.type) {
    case 'record':
      await writeInventory(client, owner, action.entries);
      return undefined;
    case 'create':
      return { written: settle(action.child.object, await createChild(action.child, context), context) };
    case 'apply': {
      const { child, live, why } = action;
      logger.info({ child: describeObject(live), why }, 'a child object differs from the desired state: applying');
      return { written: settle(child.object, await applyChild(child, live.metadata.uid, client), context) };
    }
    case 'scale':
      return { event: await scale(action, client) };
    case 'wait':
      throw new WaitingError(
        'BeingDeleted',
        `${describeObject(action.live)} is being deleted, and the operator re-creates it afterwards. ${describeHold(action.live)}`,
      );
    case 'release':
      return { written: await releaseTopic(client, action.live), event: releasedEvent(describeObject(action.live)) };
    case 'retain':
      return (await retainTopic(client, owner, action.entry))
        ? { event: releasedEvent(`${action.entry.kind} ${action.entry.namespace}/${action.entry.name}`) }
        : undefined;
    case 'delete':
      return { event: await remove(action, client) };
    case 'dropVerdicts':
      await dropVerdicts(action, client);
      return undefined;
    default:
      throw action satisfies never;
  }
}

/** Remembers a difference between the response and the desired object: another apply would not remove it. */
function settle(desired: object, written: LiveChild, { settled, logger }: ExecuteContext): LiveChild {
  const why = findDifference(desired, written);
  if (why === undefined) {
    settled.delete(written.metadata.uid);
    return written;
  }
  settled.set(written.metadata.uid, toSettled(desired, written, why));
  logger.warn(
    { child: describeObject(written), why },
    'the API server keeps a value that differs from the applied value, possibly because of an admission webhook: the operator does not apply it again',
  );
  return written;
}

/**
 * Writes the number of replicas with a separate field manager, not with the apply of the Deployment. If one apply had
 * `spec.replicas`, a later apply without this field would reset the number.
 */
async function scale({ namespace, name, from, to }: ActionOf<'scale'>, client: KubeClient): Promise<EventDraft> {
  const options = { fieldManager: fieldManagers.replicas, subresource: 'scale' };
  await client.mergePatch(deployments, { namespace, name }, { spec: { replicas: to } }, options);
  return event('Normal', 'Scaled', 'Scale', `Deployment ${namespace}/${name} from ${from} to ${to} replicas`);
}

async function remove({ live }: ActionOf<'delete'>, client: KubeClient): Promise<EventDraft | undefined> {
  try {
    await client.delete(childResource(live.kind), live.metadata, { uid: live.metadata.uid });
  } catch (error) {
    // Another client deleted or replaced the object first.
    if (isKubernetesError(error, 'notFound')) return undefined;
    throw error;
  }
  return event('Normal', 'Deleted', 'Delete', `${describeObject(live)}: no longer wanted`);
}

/**
 * Removes keys from the ConfigMap of verdicts if their pods do not exist. A new pod may have a key before the pod is
 * in our cache, so first ask the API server whether the pod exists.
 */
async function dropVerdicts({ proof, pods: names }: ActionOf<'dropVerdicts'>, client: KubeClient): Promise<void> {
  const { namespace, name } = proof.metadata;
  const gone: string[] = [];
  for (const pod of names) {
    const found = await client.find(pods, { namespace, name: pod }, { metadataOnly: true });
    if (found === undefined) gone.push(pod);
  }
  if (gone.length === 0) return;
  const data = Object.fromEntries(gone.map((pod) => [pod, null]));
  await client.mergePatch(configMaps, { namespace, name }, { data }, { fieldManager: fieldManagers.operator });
}

function describeHold({ metadata }: LiveChild): string {
  return metadata.finalizers === undefined || metadata.finalizers.length === 0
    ? 'No finalizer blocks the deletion'
    : `Deletion is blocked by finalizers ${metadata.finalizers.join(', ')}`;
}

function releasedEvent(what: string): EventDraft {
  return event('Normal', 'Retained', 'Release', `${what} was released: the topic and its data stay in Kafka`);
}

function event(type: EventDraft['type'], reason: string, action: string, note: string): EventDraft {
  return { type, reason, action, note };
}
