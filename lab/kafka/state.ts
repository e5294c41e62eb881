import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { findFreePort, isPortFree } from '#lab/process/ports.ts';
import type { KafkaNode } from './settings.ts';

const nodeSchema = z.object({
  id: z.number(),
  securePort: z.number(),
  plaintextPort: z.number(),
  controllerPort: z.number(),
});

const stateSchema = z.object({ clusterId: z.string(), password: z.string(), nodes: z.array(nodeSchema).min(1) });

/** The data that a kept cluster needs to start again as the same cluster. */
export type KafkaState = z.infer<typeof stateSchema>;

/** Reads the state of a kept cluster. Undefined if the folder holds no complete cluster. */
export async function readState(dir: string): Promise<KafkaState | undefined> {
  const file = join(dir, 'state.json');
  try {
    return stateSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new Error(`${file} is not a state file of this lab; move the folder away and start again`, { cause: error });
  }
}

/** Writes the state file. It is written last and by a rename, so a folder that contains it holds a complete cluster. */
export async function writeState(dir: string, state: KafkaState): Promise<void> {
  const file = join(dir, 'state.json');
  await writeFile(`${file}.new`, JSON.stringify(state), { mode: 0o600 });
  await rename(`${file}.new`, file);
}

export interface NodesRequest {
  readonly host: string;
  readonly loopback: string;
  /** The nodes of the last start. Their ports are used again if they are free. */
  readonly kept: readonly KafkaNode[] | undefined;
  readonly count: number | undefined;
  /** SASL_SSL ports that the caller requests. */
  readonly ports: readonly number[] | undefined;
}

/** Chooses the nodes of this start. Each node gets three ports that no other node uses. */
export async function chooseNodes({ host, loopback, kept, count, ports }: NodesRequest): Promise<KafkaNode[]> {
  const nodeCount = kept?.length ?? count ?? 1;
  if (count !== undefined && count !== nodeCount) {
    throw new Error(`this Kafka was formatted for ${describeCount(nodeCount)}, not ${count}: use another folder`);
  }
  if (ports && ports.length !== nodeCount) {
    throw new Error(`${describeCount(nodeCount)} of Kafka need ${nodeCount} ports, but got ${ports.length}`);
  }
  const taken = new Set<number>(ports);
  const choose = async (address: string, last: number | undefined): Promise<number> => {
    const isKept = last !== undefined && !taken.has(last) && (await isPortFree(address, last));
    let port = isKept ? last : await findFreePort(address);
    while (taken.has(port)) port = await findFreePort(address);
    taken.add(port);
    return port;
  };
  const nodes: KafkaNode[] = [];
  for (let index = 0; index < nodeCount; index++) {
    const last = kept?.[index];
    nodes.push({
      id: index + 1,
      securePort: ports?.[index] ?? (await choose(host, last?.securePort)),
      plaintextPort: await choose(loopback, last?.plaintextPort),
      controllerPort: await choose(loopback, last?.controllerPort),
    });
  }
  return nodes;
}

export function describeCount(nodes: number): string {
  return nodes === 1 ? '1 node' : `${nodes} nodes`;
}
