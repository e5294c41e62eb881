import { fieldManagers } from '#contract/labels.ts';
import type { LiveDeployment, ManagedFields } from './objects.ts';

/**
 * Returns one sentence for each security field that another field manager added to our pods. The operator only reports
 * these fields: an apply does not remove fields of other field managers, and users want many of them (sidecars,
 * restartedAt).
 */
export function observeDrift(deployment: LiveDeployment): string[] {
  const { name, managedFields = [] } = deployment.metadata;
  const ours = podTree(managedFields.find((entry) => entry.manager === fieldManagers.operator && !isForeign(entry)));
  const found = managedFields
    .filter(isForeign)
    .flatMap((entry) =>
      sensitivePaths(podTree(entry), ours).map(
        (path) => `${entry.manager ?? 'unknown'} added ${path} to the pods of Deployment ${name}`,
      ),
    );
  return [...new Set(found)].toSorted();
}

function isForeign({ manager = '', subresource = '' }: ManagedFields): boolean {
  return subresource === '' && manager !== fieldManagers.operator && manager !== fieldManagers.replicas;
}

const podFields = [
  'hostNetwork',
  'hostPID',
  'hostIPC',
  'hostUsers',
  'securityContext',
  'serviceAccountName',
  'volumes',
];
const containerFields = ['env', 'envFrom', 'securityContext', 'volumeMounts', 'command', 'args', 'lifecycle'];

/**
 * Returns the paths of security fields that another field manager added. A whole container that it added is a sidecar,
 * and the fields of a sidecar are not reported. The volumes of a sidecar are reported, because they are fields of the
 * pod.
 */
function sensitivePaths(pod: unknown, ours: unknown): string[] {
  const paths = podFields.filter((field) => addsTo(pod, ours, `f:${field}`)).map((field) => `spec.${field}`);
  const ourContainers = step(ours, 'f:containers');
  for (const [key, container] of entriesOf(step(pod, 'f:containers'))) {
    const ourContainer = step(ourContainers, key);
    if (ourContainer === undefined) continue;
    const name = /"name":"([^"]*)"/.exec(key)?.[1] ?? key;
    for (const field of containerFields) {
      if (addsTo(container, ourContainer, `f:${field}`)) paths.push(`spec.containers[${name}].${field}`);
    }
  }
  return paths;
}

/** Whether the other field manager owns a part of this field that we do not own. */
function addsTo(theirs: unknown, ours: unknown, key: string): boolean {
  const theirField = step(theirs, key);
  if (theirField === undefined) return false;
  const ourField = step(ours, key);
  if (ourField === undefined) return true;
  return entriesOf(theirField).some(([child]) => child !== '.' && addsTo(theirField, ourField, child));
}

function podTree(entry: ManagedFields | undefined): unknown {
  return ['f:spec', 'f:template', 'f:spec'].reduce<unknown>(step, entry?.fieldsV1);
}

function entriesOf(tree: unknown): [string, unknown][] {
  return typeof tree === 'object' && tree !== null ? Object.entries(tree) : [];
}

function step(tree: unknown, key: string): unknown {
  return typeof tree === 'object' && tree !== null ? Reflect.get(tree, key) : undefined;
}
