import { stringify } from 'yaml';
import { z } from 'zod';
import { CliError, describeChain, exitCodes } from '#cli/exit.ts';
import { shellWord } from '#cli/output/shell.ts';
import { kind } from '#contract/names.ts';
import type { Progress } from '#lab/progress.ts';
import { fieldManager, type Operator } from './install.ts';
import type { SampleNames } from './sample.ts';
import { describeKubectl, type Target } from './target.ts';

/**
 * The rules of `up` in a cluster of the user: `up` checks the cluster before it changes anything. It overwrites no
 * object that another user made, and removes only objects that this run made.
 */

/** Throws if `up` would overwrite an object of another user, or if the sample pipeline or its Secrets exist already. */
export async function refuseOccupied(
  target: Target,
  { ref, secrets }: SampleNames,
  operator: Operator,
  signal: AbortSignal,
): Promise<void> {
  const look = (...args: string[]) => target.kubectl.run([...args, '--ignore-not-found'], { signal });
  const where = `context "${target.context}"`;
  const named = async (resource: string, names: readonly string[]) =>
    (await look('-n', ref.namespace, 'get', resource, ...names, '-o', 'name'))
      .split('\n')
      .filter((name) => name !== '');

  for (const [resource, name, ...namespace] of [
    ...operator.crds.map(({ metadata }) => ['crd', metadata.name] as const),
    ['deployment', operator.deployment, '-n', operator.namespace] as const,
  ]) {
    const text = await look(...namespace, 'get', resource, name, '-o', 'json', '--show-managed-fields');
    if (text === '' || isOurs(text)) continue;
    throw new CliError(
      exitCodes.failed,
      `${where} has ${resource}/${name} that npm start did not install: nothing was changed`,
      {
        hint: `Our version would replace it, for every ${kind} of that cluster. Name another cluster with --context. Or use the
installed operator, with your own Kafka and PostgreSQL: ${describeKubectl(target)} apply -f FILE`,
      },
    );
  }

  // Without the CRD the resource type does not exist, so there are no pipelines either.
  const knowsPipelines =
    (await look('get', 'crd', ...operator.crds.map(({ metadata }) => metadata.name), '-o', 'name')) !== '';
  const found = [
    ...(knowsPipelines ? await named('sumpipelines', [ref.name]) : []),
    ...(await named('secrets', secrets)),
  ];
  if (found.length === 0) return;
  throw new CliError(
    exitCodes.failed,
    `${where} already has ${found.join(', ')} in namespace "${ref.namespace}": nothing was changed`,
    {
      hint: `Name another cluster with --context. If they are left from a killed npm start, remove them:
  ${describeKubectl(target)} -n ${ref.namespace} delete ${found.join(' ')}`,
    },
  );
}

const managedSchema = z.object({
  metadata: z.object({ managedFields: z.array(z.object({ manager: z.string().optional() })).default([]) }),
});

function isOurs(text: string): boolean {
  const { managedFields } = managedSchema.parse(JSON.parse(text)).metadata;
  return managedFields.some(({ manager }) => manager === fieldManager);
}

/** One object that `up` made and must remove at the end. */
export interface Made {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

const objectSchema = z.object({
  kind: z.string(),
  metadata: z.object({ name: z.string(), namespace: z.string().default('default') }),
});

/**
 * Makes objects one by one and records each in `made`. Uses create instead of apply: if another user made the object
 * since our check, the API server refuses the call. Such an object is not recorded, so we do not remove it.
 */
export async function createObjects(
  target: Target,
  objects: readonly unknown[],
  made: Made[],
  signal: AbortSignal,
): Promise<void> {
  for (const object of objects) {
    const { kind: objectKind, metadata } = objectSchema.parse(object);
    const isNamespace = objectKind === 'Namespace';
    // Record before the call, because an aborted call may have made the object. A namespace is not recorded: it
    // stays, because other users may put objects into it.
    if (!isNamespace) made.push({ kind: objectKind, ...metadata });
    try {
      const input = stringify(object, { lineWidth: 0 });
      await target.kubectl.run(['create', `--field-manager=${fieldManager}`, '-f', '-'], { input, signal });
    } catch (error) {
      const isThere = /\(AlreadyExists\)/.test(describeChain(error));
      if (isThere && isNamespace) continue;
      if (isThere) made.pop();
      throw error;
    }
  }
}

/** Removes the objects that were made, the newest first. After a failure it continues with the next object. */
export async function removeMade(target: Target, made: readonly Made[], progress: Progress): Promise<void> {
  const left: string[] = [];
  for (const { kind: objectKind, namespace, name } of made.toReversed()) {
    const words = ['-n', namespace, 'delete', objectKind.toLowerCase(), name];
    await progress
      .step(`Delete ${objectKind} ${namespace}/${name}`, () =>
        target.kubectl.run([...words, '--ignore-not-found', '--timeout=60s']),
      )
      .catch((error: unknown) => {
        // Print it here: if the run failed or was interrupted, the error below is not printed.
        progress.note(`${describeChain(error)}\nRemove it: ${describeKubectl(target)} ${words.join(' ')}`);
        left.push(`${objectKind} ${namespace}/${name}`);
      });
  }
  if (left.length === 0) return;
  throw new CliError(exitCodes.failed, `context "${target.context}" may still have ${left.join(', ')}`, {
    hint: 'See the commands above that remove them.',
  });
}

/** Describes what stays: operator and CRDs, because other users may already use them. */
export function describeWhatStays(target: Target, operatorDirectory: string): string {
  return `The operator and its CRDs stay in context "${target.context}". To remove them and every ${kind} of that cluster:
  ${describeKubectl(target)} delete -k ${shellWord(operatorDirectory)}`;
}
