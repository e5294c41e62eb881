import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { KubeClient } from '#kube/client/client.ts';
import { kubeconfigCredentials } from '#kube/client/credentials.ts';
import { createTransport, type Transport } from '#kube/client/transport.ts';
import { systemClock } from '#kube/clock.ts';
import { createRecordingMetrics } from './recordingMetrics.ts';

/** A client for a kubeconfig file. */
export function connectTo(kubeconfigPath: string): { client: KubeClient; transport: Transport } {
  const transport = createTransport({
    credentials: kubeconfigCredentials({ file: kubeconfigPath, env: {} }),
    clock: systemClock,
    metrics: createRecordingMetrics(),
    userAgent: 'runtime-test',
  });
  return { client: new KubeClient(transport), transport };
}

/** Connects as somebody else (`kubeconfig` is the text), or through a proxy in front of the server. */
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

/** Waits until `check` returns true; anything else that it returns is shown when the time is up. */
export async function eventually(what: string, check: () => unknown, timeoutMs = 20_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const seen = await check();
    if (seen === true) return;
    if (performance.now() > deadline)
      throw new Error(`waited ${timeoutMs} ms for ${what}, saw: ${JSON.stringify(seen)}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
