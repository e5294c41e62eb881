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
 * How `up` behaves in a cluster that is not its own: it looks before it touches anything, overwrites nothing that
 * somebody else made, and removes what it made itself and nothing else.
 */

/** Ends the command when the cluster has what we would make. Nothing was started or changed until then. */
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
      `${where} has ${resource}/${name}, and not from npm start: nothing was changed`,
      {
        hint: `Ours would take its place, for every ${kind} of that cluster. Name another cluster with --context; or use the
operator that is there, with a Kafka and a PostgreSQL of yours: ${describeKubectl(target)} apply -f FILE`,
      },
    );
  }

  // Without the CRD there is no such resource to ask for, and none of them either.
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
      hint: `Name another cluster with --context. If an npm start that was killed left them behind, remove them:
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

/** One object that is ours to remove. */
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
 * Makes objects one by one and writes each down in `made`. By create and not by apply: what somebody made since we
 * looked is refused by the API server instead of being overwritten, and is not ours to remove.
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
    // Before the call: one that was cut short may have made it. A namespace may soon hold what others put there.
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

/** Removes what was made, the newest first, and whatever fails the rest as well. */
export async function removeMade(target: Target, made: readonly Made[], progress: Progress): Promise<void> {
  const left: string[] = [];
  for (const { kind: objectKind, namespace, name } of made.toReversed()) {
    const words = ['-n', namespace, 'delete', objectKind.toLowerCase(), name];
    await progress
      .step(`Delete ${objectKind} ${namespace}/${name}`, () =>
        target.kubectl.run([...words, '--ignore-not-found', '--timeout=60s']),
      )
      .catch((error: unknown) => {
        // Also when the run itself failed or was interrupted, and nobody reads on.
        progress.note(`${describeChain(error)}\nRemove it: ${describeKubectl(target)} ${words.join(' ')}`);
        left.push(`${objectKind} ${namespace}/${name}`);
      });
  }
  if (left.length === 0) return;
  throw new CliError(exitCodes.failed, `context "${target.context}" may still have ${left.join(', ')}`, {
    hint: 'The commands that remove them stand above.',
  });
}

/** Operator and CRDs stay, because others may use them by now. */
export function describeWhatStays(target: Target, operatorDirectory: string): string {
  return `The operator and its CRDs stay in context "${target.context}". To remove them, and every ${kind} of that cluster with them:
  ${describeKubectl(target)} delete -k ${shellWord(operatorDirectory)}`;
}
