import { z } from 'zod';
import { podListSchema } from '#cli/connection/podList.ts';
import { describeChain } from '#cli/exit.ts';
import type { LivePod } from '#operator/observe/objects.ts';
import { explainPod, isReadyPod } from '#operator/observe/pod.ts';
import type { Kubectl } from './kubectl.ts';

const eventListSchema = z.object({
  items: z.array(
    z.object({
      type: z.string().optional(),
      reason: z.string().optional(),
      message: z.string().optional(),
      involvedObject: z.object({ kind: z.string().optional(), name: z.string().optional() }).optional(),
    }),
  ),
});

/** Maximum number of lines that are shown of a pod's output. They are its last lines. */
const logLines = 15;
/** Maximum number of warnings that are shown of a namespace. If there are more, the newest are shown. */
const eventsShown = 10;

/**
 * Returns lines that explain why something in the cluster did not start: warnings, pods that are not ready, and the
 * end of their output. Does not throw, because another failure is being reported.
 */
export async function explainNamespace(kubectl: Kubectl, namespace: string): Promise<string> {
  const lines: string[] = [];
  const attempt = async (what: string, work: () => Promise<void>) => {
    await work().catch((error: unknown) => lines.push(`(cannot read ${what}: ${describeChain(error)})`));
  };
  await attempt(`the pods of ${namespace}`, async () => {
    const text = await kubectl.run(['-n', namespace, 'get', 'pods', '-o', 'json']);
    const { items } = podListSchema.parse(JSON.parse(text));
    if (items.length === 0) lines.push(`Namespace ${namespace} has no pods.`);
    for (const pod of items) {
      if (isReadyPod(pod)) continue;
      lines.push(`Pod ${namespace}/${pod.metadata.name} is not ready: ${describePod(pod)}`);
      await attempt(`the output of ${pod.metadata.name}`, async () => {
        lines.push(...(await readLog(kubectl, namespace, pod)));
      });
    }
  });
  await attempt(`the events of ${namespace}`, async () => {
    const text = await kubectl.run(['-n', namespace, 'get', 'events', '--field-selector=type=Warning', '-o', 'json']);
    for (const event of eventListSchema.parse(JSON.parse(text)).items.slice(-eventsShown)) {
      const { kind = '', name = '' } = event.involvedObject ?? {};
      lines.push(`Event ${kind} ${name}: ${event.reason ?? ''}: ${event.message ?? ''}`);
    }
  });
  return lines.join('\n');
}

function describePod(pod: LivePod): string {
  const unready = pod.status?.conditions?.find(({ status, message }) => status === 'False' && message !== undefined);
  const problem = explainPod(pod);
  const reason =
    problem === undefined
      ? (unready?.message ?? pod.status?.phase ?? 'unknown')
      : `${problem.reason}: ${problem.message}`;
  const restarts = pod.status?.containerStatuses?.[0]?.restartCount ?? 0;
  return restarts > 0 ? `${reason}, restarted ${restarts} times` : reason;
}

async function readLog(kubectl: Kubectl, namespace: string, pod: LivePod): Promise<string[]> {
  const args = ['-n', namespace, 'logs', pod.metadata.name, '--all-containers', `--tail=${logLines}`];
  const now = await kubectl.run(args);
  const hasRestarted = (pod.status?.containerStatuses?.[0]?.restartCount ?? 0) > 0;
  // If a restarted container has printed nothing yet, read what it printed before it crashed.
  const text = now.trim() === '' && hasRestarted ? await kubectl.run([...args, '--previous']) : now;
  const kept = text.trimEnd();
  return kept === '' ? [] : kept.split('\n').map((line) => `  ${line}`);
}
