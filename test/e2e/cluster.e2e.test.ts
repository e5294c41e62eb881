import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { stringify } from 'yaml';
import { z } from 'zod';
import { type Cluster, findNode, removeNode, startCluster } from '#lab/cluster/cluster.ts';
import { acquireHostAddress, hostAddress } from '#lab/cluster/hostNetwork.ts';
import { acquireMachine, findMachineHolder } from '#lab/cluster/machine.ts';
import { waitFor } from '#lab/process/wait.ts';
import { createProgress, silentProgress } from '#lab/progress.ts';
import { createTemporaryFolder, type TemporaryFolder } from '#tools/testing/folder.ts';
import { findNodeProcesses, readMachineState } from './machineState.ts';
import { buildProbeImage } from './probeImage.ts';

/** Tests of the local cluster as its users see it. The tests build on each other, in this order. */

const probeImage = 'localhost/probe:1';
const laterImage = 'localhost/probe-later:1';

let folder: TemporaryFolder;
let stateBefore: ReturnType<typeof readMachineState>;
let owner: ChildProcess;
let cluster: Pick<Cluster, 'kubeconfigPath' | 'kubectlPath' | 'hostAddress'>;
let secondCluster: Cluster | undefined;

before(async () => {
  // Another process may still use the machine: wait for its end before the state without a cluster is recorded.
  const machine = await acquireMachine({ what: 'the end-to-end test of the cluster', progress: createProgress() });
  await removeNode(); // an earlier run may have been killed
  stateBefore = readMachineState();
  await machine.release();
  folder = await createTemporaryFolder();
  owner = spawn(
    process.execPath,
    [join(import.meta.dirname, 'clusterOwner.ts'), await buildProbeImage(folder.path, probeImage)],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  cluster = await readAnnouncement(owner);
});

after(async () => {
  owner?.kill('SIGKILL');
  await secondCluster?.stop();
  await folder?.[Symbol.asyncDispose]();
});

const announcementSchema = z.object({ kubeconfigPath: z.string(), kubectlPath: z.string(), hostAddress: z.string() });

async function readAnnouncement(child: ChildProcess): Promise<z.infer<typeof announcementSchema>> {
  assert.ok(child.stdout);
  const [line] = await Promise.race([
    once(child.stdout, 'data'),
    once(child, 'exit').then(([code]) => assert.fail(`the cluster's owner ended with exit code ${code}`)),
  ]);
  return announcementSchema.parse(JSON.parse(String(line)));
}

const run = promisify(execFile);

async function kubectl(...args: string[]): Promise<string> {
  return (await run(cluster.kubectlPath, ['--kubeconfig', cluster.kubeconfigPath, '-n', 'probe', ...args])).stdout;
}

/** Runs a verb of the cluster's program, as a user does. A verb that hangs is killed, and fails. */
async function runVerb(verb: string): Promise<string> {
  const program = join(import.meta.dirname, '..', '..', 'lab', 'cluster', 'main.ts');
  return (await run(process.execPath, ['--no-warnings', program, verb], { timeout: 20_000 })).stdout;
}

async function apply(...objects: object[]): Promise<void> {
  const child = spawn(cluster.kubectlPath, ['--kubeconfig', cluster.kubeconfigPath, 'apply', '-f', '-'], {
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  child.stdin?.end(objects.map((object) => stringify(object)).join('---\n'));
  assert.deepEqual(await once(child, 'exit'), [0, null]);
}

/** Runs a module in the pod and returns the JSON that it prints. */
async function runInPod(pod: string, module: string): Promise<unknown> {
  return JSON.parse(await kubectl('exec', pod, '--', '/usr/bin/node', '--input-type=module', '--eval', module));
}

async function firstPod(app: string): Promise<string> {
  return await kubectl('get', 'pods', '-l', `app=${app}`, '-o', 'jsonpath={.items[0].metadata.name}');
}

const restricted = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  capabilities: { drop: ['ALL'] },
};

function deployment(app: string, image: string, replicas: number): object {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: app, namespace: 'probe' },
    spec: {
      replicas,
      selector: { matchLabels: { app } },
      template: {
        metadata: { labels: { app } },
        spec: {
          terminationGracePeriodSeconds: 2,
          securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
          containers: [
            {
              name: 'probe',
              image,
              imagePullPolicy: 'IfNotPresent',
              securityContext: restricted,
              ports: [{ name: 'http', containerPort: 8080 }],
              resources: { requests: { cpu: '10m', memory: '32Mi' }, limits: { memory: '256Mi' } },
              readinessProbe: { httpGet: { path: '/ready', port: 'http' }, periodSeconds: 1 },
            },
          ],
        },
      },
    },
  };
}

async function startProbe(): Promise<void> {
  await apply(
    {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'probe', labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } },
    },
    deployment('web', probeImage, 2),
    {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web', namespace: 'probe' },
      spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 'http' }] },
    },
  );
  await kubectl('rollout', 'status', 'deployment/web', '--timeout=90s');
}

const hitSchema = z.object({ host: z.string(), url: z.string(), version: z.string() });

async function fetchOnce(url: string): Promise<z.infer<typeof hitSchema>> {
  const response = await fetch(url, { signal: AbortSignal.timeout(3000), headers: { connection: 'close' } });
  return hitSchema.parse(await response.json());
}

test('a Deployment under the restricted security standard becomes available', async () => {
  await startProbe();
});

test('logs and exec reach a container, which runs our Node as an unprivileged user', async () => {
  const pod = await firstPod('web');
  assert.match(await kubectl('logs', pod), /^listening/);
  const seen = await runInPod(pod, 'console.log(JSON.stringify({ node: process.version, uid: process.getuid() }))');
  assert.deepEqual(seen, { node: process.version, uid: 65532 });
});

test('the host reaches pods and Services by their addresses', async () => {
  const service = await kubectl('get', 'service', 'web', '-o', 'jsonpath={.spec.clusterIP}');
  const hosts = new Set<string>();
  await waitFor({ what: 'both pods to answer through the Service', timeoutMs: 15_000 }, async () => {
    hosts.add((await fetchOnce(`http://${service}/hello`)).host);
    if (hosts.size < 2) throw new Error(`responded so far: ${[...hosts].join(', ')}`);
    return true;
  });
  const podAddress = await kubectl('get', 'pod', await firstPod('web'), '-o', 'jsonpath={.status.podIP}');
  assert.equal((await fetchOnce(`http://${podAddress}:8080/direct`)).url, '/direct');
});

test('in a pod the names of Services resolve, both replicas respond, and the API server accepts its token', async () => {
  const seen = await runInPod(
    await firstPod('web'),
    `
    import { lookup } from 'node:dns/promises';
    import { readFileSync } from 'node:fs';
    import { get } from 'node:https';
    const names = {};
    for (const name of ['web', 'web.probe.svc.cluster.local', 'kubernetes.default.svc', 'example.com']) {
      names[name] = await lookup(name).then(({ address }) => address, (error) => error.code);
    }
    const hosts = new Set();
    for (let i = 0; i < 20; i++) {
      const answer = await fetch('http://web.probe/x', { headers: { connection: 'close' } });
      hosts.add((await answer.json()).host);
    }
    const account = '/var/run/secrets/kubernetes.io/serviceaccount';
    const headers = { authorization: 'Bearer ' + readFileSync(account + '/token', 'utf8') };
    const ca = readFileSync(account + '/ca.crt');
    const status = await new Promise((resolve, reject) => {
      const url = 'https://kubernetes.default.svc/api/v1/namespaces/probe';
      const answered = (answer) => resolve(answer.resume().statusCode);
      get(url, { ca, headers, agent: false }, answered).on('error', reject);
    });
    console.log(JSON.stringify({ names, hosts: hosts.size, status }));`,
  );
  const service = await kubectl('get', 'service', 'web', '-o', 'jsonpath={.spec.clusterIP}');
  assert.deepEqual(seen, {
    names: {
      web: service,
      'web.probe.svc.cluster.local': service,
      'kubernetes.default.svc': '10.96.0.1',
      'example.com': 'ENOTFOUND',
    },
    hosts: 2,
    status: 403, // the token is known (401 would refuse it), but its user has no rights
  });
});

test('a pod reaches a process of the host at the address that outlives the node', async () => {
  const server = createServer((request, response) => response.end(request.socket.remoteAddress));
  server.listen(0, cluster.hostAddress);
  await once(server, 'listening');
  const address = server.address();
  assert.ok(address !== null && typeof address === 'object');
  try {
    const url = `http://${cluster.hostAddress}:${address.port}`;
    const module = `console.log(JSON.stringify(await (await fetch('${url}')).text()))`;
    assert.match(String(await runInPod(await firstPod('web'), module)), /^10\.244\.0\.\d+$/);
  } finally {
    server.close();
  }
});

test('a deleted pod ends in its grace period and is replaced', async () => {
  const pod = await firstPod('web');
  await kubectl('delete', 'pod', pod, '--timeout=20s');
  await kubectl('rollout', 'status', 'deployment/web', '--timeout=60s');
  assert.doesNotMatch(await kubectl('get', 'pods', '-o', 'name'), new RegExp(pod));
});

test('every program of the node restarts after kill -9, and pods can be created again', async () => {
  const names = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kubelet', 'kube-proxy'];
  for (const name of [...names, 'containerd', 'coredns']) {
    const found = findNodeProcesses().filter(({ command }) => command.split(' ')[0]?.endsWith(`/${name}`));
    assert.equal(found.length, 1, `one ${name}: ${JSON.stringify(found)}`);
    for (const { pid } of found) process.kill(pid, 'SIGKILL');
  }
  await waitFor({ what: 'the API server to write again', timeoutMs: 60_000, intervalMs: 250 }, async () => {
    await kubectl('rollout', 'restart', 'deployment/web');
    return true;
  });
  await waitFor({ what: 'the Deployment to roll', timeoutMs: 90_000, intervalMs: 250 }, async () => {
    await kubectl('rollout', 'status', 'deployment/web', '--timeout=10s');
    return true;
  });
});

test('a second caller gets the name of the process that uses the machine', async () => {
  const holder = await findMachineHolder();
  assert.equal(holder?.pid, owner.pid);
  assert.equal(holder?.what, 'the end-to-end test of the cluster');
});

test('npm run cluster prints which process uses the machine and where the kubeconfig is', async () => {
  const status = await runVerb('status');
  assert.match(status, new RegExp(`in use by the end-to-end test of the cluster, process ${owner.pid}, since `));
  assert.ok(status.endsWith(`\nA node runs. KUBECONFIG=${cluster.kubeconfigPath}\n`), status);
  assert.equal(await runVerb('kubeconfig'), `${cluster.kubeconfigPath}\n`);
});

test('after kill -9 of its owner nothing of the node runs, and the next start works with images loaded later', async () => {
  owner.kill('SIGKILL');
  await once(owner, 'exit');
  await waitFor({ what: "the node's processes to be gone", timeoutMs: 20_000 }, async () => {
    const left = findNodeProcesses();
    if (left.length > 0) throw new Error(left.map(({ command }) => command).join('\n'));
    return true;
  });
  secondCluster = await startCluster({ progress: createProgress(), what: 'the second start' });
  cluster = secondCluster;
  await secondCluster.loadImage(await buildProbeImage(folder.path, probeImage));
  await startProbe();
  await secondCluster.loadImage(await buildProbeImage(folder.path, laterImage));
  await apply(deployment('later', laterImage, 1));
  await kubectl('rollout', 'status', 'deployment/later', '--timeout=60s');
});

test('the end of the whole node is reported', async () => {
  const node = await findNode();
  assert.ok(node && secondCluster);
  process.kill(node.initPid, 'SIGKILL');
  assert.equal(await secondCluster.died, 'The Kubernetes node ended: its process 1 was killed.');
  assert.equal(await findNode(), undefined);
});

test('stop leaves nothing behind: no mount, device, route, rule, control group, file or process', async () => {
  const held = await acquireHostAddress();
  await secondCluster?.stop();
  secondCluster = undefined;
  const server = createServer().listen(0, hostAddress);
  await once(server, 'listening'); // another process that holds the address keeps it
  server.close();
  await held[Symbol.asyncDispose]();
  assert.deepEqual(readMachineState(), stateBefore);
  await using _free = await acquireMachine({ what: 'a test', progress: silentProgress });
  assert.match(await runVerb('status'), /^The machine is in use by a test, .*\nNo node runs on this machine\.\n$/);
  await assert.rejects(runVerb('kubeconfig'), {
    code: 1,
    stderr: /^No node runs on this machine\. Start one: npm run/,
  });
});
