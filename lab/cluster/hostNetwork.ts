import { networkInterfaces } from 'node:os';
import { address, device } from './layout.ts';
import { runProgram } from './shell.ts';

/** The address on which Kafka and PostgreSQL listen for pods. They run beside the node. It stays when the node ends. */
export const hostAddress = address.hostForPods;

let holders = 0;
let synced: Promise<void> = Promise.resolve();

/**
 * Puts `hostAddress` on the loopback device, for as long as a caller in this process holds it. If a killed process left
 * the address there, uses it. Call this only while you hold the lock of the machine: the kernel does not count the
 * users of an address, so another process could remove it.
 */
export async function acquireHostAddress(): Promise<AsyncDisposable> {
  holders++;
  let isHeld = true;
  const release = async () => {
    if (!isHeld) return;
    isHeld = false;
    holders--;
    await syncHostAddress();
  };
  await syncHostAddress().catch(async (error) => {
    await release();
    throw error;
  });
  return { [Symbol.asyncDispose]: release };
}

/** Sets the address if a caller holds it, otherwise removes it. A call first waits for the changes of earlier calls. */
export function syncHostAddress(): Promise<void> {
  const sync = async () => {
    const isWanted = holders > 0;
    if (isWanted === isHostAddressSet()) return;
    await runProgram(['ip', 'address', isWanted ? 'replace' : 'del', `${hostAddress}/32`, 'dev', 'lo']);
  };
  synced = synced.then(sync, sync);
  return synced;
}

function isHostAddressSet(): boolean {
  return (networkInterfaces()['lo'] ?? []).some(({ address: known }) => known === hostAddress);
}

/** Makes the veth pair from the host into the node, and the host's routes to pods and Services. */
export async function connectNode(initPid: number): Promise<void> {
  const { hostLink, nodeLink } = device;
  await runProgram(['ip', 'link', 'add', hostLink, 'type', 'veth', 'peer', 'name', nodeLink, 'netns', String(initPid)]);
  await runProgram(['ip', 'address', 'add', `${address.hostLink}/${address.linkPrefix}`, 'dev', hostLink]);
  await runProgram(['ip', 'link', 'set', hostLink, 'up']);
  for (const network of [address.podNetwork, address.serviceNetwork]) {
    await runProgram(['ip', 'route', 'add', network, 'via', address.nodeLink]).catch((cause) => {
      throw new Error(
        `this machine already has a route to ${network}, but the local cluster needs this network. Check: ip route show ${network}`,
        { cause },
      );
    });
  }
}

/** Removes the veth pair with its routes. The kernel also removes the pair, but only some time after the node's end. */
export async function disconnectNode(): Promise<void> {
  if (networkInterfaces()[device.hostLink] === undefined && !(await isLinkThere())) return;
  await runProgram(['ip', 'link', 'del', device.hostLink]).catch(async (error) => {
    if (await isLinkThere()) throw error;
  });
}

async function isLinkThere(): Promise<boolean> {
  return (await runProgram(['ip', '-json', 'link', 'show'])).includes(`"ifname":"${device.hostLink}"`);
}
