import type { KubeClient } from '#kube/client/client.ts';
import { connectTo } from '#kube/testing/connect.ts';
import { type Access, readAccess } from './servers.ts';
import type { System } from './system.ts';

/** What the scenarios share: the running system, and access to it without a pipeline. */
export interface Fixture extends AsyncDisposable {
  readonly system: System;
  /** Client of a cluster administrator, for frequent reads: every kubectl is a process. */
  readonly client: KubeClient;
  readonly access: Access;
  /** Folder for files of the tests. */
  readonly folder: string;
}

export async function openFixture(system: System, folder: string): Promise<Fixture> {
  const { client, transport } = connectTo(system.kubeconfig);
  return {
    system,
    client,
    folder,
    access: await readAccess(system),
    [Symbol.asyncDispose]: () => transport.close(),
  };
}
