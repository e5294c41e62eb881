import assert from 'node:assert/strict';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { waitFor } from '#lab/process/wait.ts';
import { type ApiServer, startApiServer } from './apiServer.ts';

let dir: string;
let server: ApiServer;
before(async () => {
  dir = mkdtempSync(join(tmpdir(), 'sumpipeline-'));
  server = await startApiServer({ dir, audit: true });
});
after(async () => {
  await server.stop();
  assert.deepEqual(readdirSync(dir), [], 'stop leaves nothing');
  rmSync(dir, { recursive: true });
});

const run = promisify(execFile);
async function kubectl(kubeconfigPath: string, ...args: string[]): Promise<string> {
  return (await run(server.kubectlPath, ['--kubeconfig', kubeconfigPath, ...args])).stdout;
}

test('the version is a real version, so that clients can parse it', async () => {
  const { serverVersion } = JSON.parse(await kubectl(server.kubeconfigPath, 'version', '-o', 'json'));
  assert.equal(serverVersion.major, '1');
  assert.match(serverVersion.gitVersion, /^v1\.\d+\.\d+$/);
});

test('RBAC sees the user and the groups of a certificate', async () => {
  const admin = server.kubeconfigPath;
  await kubectl(admin, 'create', 'role', 'reader', '--verb=get,list', '--resource=configmaps');
  await kubectl(admin, 'create', 'rolebinding', 'reader', '--role=reader', '--serviceaccount=default:operator');
  const kubeconfig = await server.kubeconfigFor({
    user: 'system:serviceaccount:default:operator',
    groups: ['system:serviceaccounts', 'system:serviceaccounts:default'],
  });
  const path = `${server.kubeconfigPath}.operator`;
  writeFileSync(path, kubeconfig, { mode: 0o600 });
  const whoami = JSON.parse(await kubectl(path, 'auth', 'whoami', '-o', 'json')).status.userInfo;
  assert.equal(whoami.username, 'system:serviceaccount:default:operator');
  assert.deepEqual(whoami.groups, ['system:serviceaccounts', 'system:serviceaccounts:default', 'system:authenticated']);
  await kubectl(path, 'get', 'configmaps');
  await assert.rejects(
    kubectl(path, 'get', 'secrets'),
    /secrets is forbidden: User "system:serviceaccount:default:operator"/,
  );
});

test('the audit log names the user and the verb of every request', async () => {
  await kubectl(server.kubeconfigPath, 'create', 'configmap', 'audited');
  const { auditLog } = server;
  assert.ok(auditLog);
  const events = readFileSync(auditLog, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const created = events.find((event) => event.verb === 'create' && event.objectRef.name === 'audited');
  assert.equal(created.user.username, 'admin');
  assert.equal(created.responseStatus.code, 201);
});

test('after a crash the API server has the same port and the same objects', async () => {
  await kubectl(server.kubeconfigPath, 'create', 'configmap', 'kept');
  await server.restart();
  assert.match(await kubectl(server.kubeconfigPath, 'get', 'configmap', 'kept', '-o', 'name'), /^configmap\/kept/);
});

test('several API servers run at once and share nothing', async () => {
  await using other = await startApiServer({ dir });
  assert.notEqual(other.url, server.url);
  await kubectl(other.kubeconfigPath, 'create', 'configmap', 'elsewhere');
  await assert.rejects(kubectl(server.kubeconfigPath, 'get', 'configmap', 'elsewhere'), /not found/);
});

test('no process outlives a parent that ends by kill -9', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sumpipeline-'));
  const script = `
    import { startApiServer } from ${JSON.stringify(import.meta.resolve('./apiServer.ts'))};
    const server = await startApiServer({ dir: ${JSON.stringify(folder)} });
    console.log('ready');
    setInterval(() => {}, 1000);`;
  const parent = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  assert.ok(parent.stdout);
  await once(parent.stdout, 'data');
  const children = childrenOf(parent);
  assert.equal(children.length, 2);
  parent.kill('SIGKILL');
  await waitFor({ what: 'etcd and the API server to be gone', timeoutMs: 5000 }, async () => {
    const running = children.filter(isRunning);
    if (running.length > 0) throw new Error(`still running: ${running.join(', ')}`);
    return true;
  });
  rmSync(folder, { recursive: true });
});

function childrenOf(parent: ChildProcess): string[] {
  return readFileSync(`/proc/${parent.pid}/task/${parent.pid}/children`, 'utf8').trim().split(' ');
}

/** Returns whether a process runs. A zombie has ended: its parent only has to read its exit status. */
function isRunning(pid: string): boolean {
  try {
    return !/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH')) return false;
    throw error;
  }
}
