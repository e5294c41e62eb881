import { fieldManagers } from '#contract/labels.ts';
import type { LiveDeployment, ManagedFields } from './objects.ts';

/**
 * Fields of our pods that others added and that touch security, as `manager: path`. Applying does not take away what
 * others added beside our fields, and much of it is wanted (sidecars, restartedAt). So such fields are reported and not
 * removed.
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

/** A container that others added is a sidecar and is not reported; its volumes are reported. */
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

/** Whether other managers own anything below the field that we do not own. */
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
