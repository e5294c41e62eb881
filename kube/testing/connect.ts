import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { KubeClient } from '#kube/client/client.ts';
import { kubeconfigCredentials } from '#kube/client/credentials.ts';
import { createTransport, type Transport } from '#kube/client/transport.ts';
import { systemClock } from '#kube/clock.ts';
import { createRecordingMetrics } from './recordingMetrics.ts';

/** Creates a client for a kubeconfig file. */
export function connectTo(kubeconfigPath: string): { client: KubeClient; transport: Transport } {
  const transport = createTransport({
    credentials: kubeconfigCredentials({ file: kubeconfigPath, env: {} }),
    clock: systemClock,
    metrics: createRecordingMetrics(),
    userAgent: 'runtime-test',
  });
  return { client: new KubeClient(transport), transport };
}

/** Connects as another user, or through a proxy in front of the server. `kubeconfig` is the text of a kubeconfig. */
export async function connectAs(options: {
  server: { kubeconfig: string; kubeconfigPath: string };
  kubeconfig?: string;
  via?: string;
}): Promise<{ client: KubeClient; transport: Transport }> {
  const text = options.kubeconfig ?? options.server.kubeconfig;
  const path = `${options.server.kubeconfigPath}.${randomUUID()}`;
  const changed = options.via === undefined ? text : text.replaceAll(/server: .*/g, `server: ${options.via}`);
  await writeFile(path, changed, { mode: 0o600 });
  return connectTo(path);
}
