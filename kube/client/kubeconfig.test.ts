import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { startApiServers } from '#kube/testing/apiServers.ts';
import { buildClusterRows } from '#kube/testing/clusterRows.ts';
import { createRowFolder, resolveRow, runOurs, sharedOf } from '#kube/testing/clusterRun.ts';
import { buildNamespaceRows } from '#kube/testing/rows/namespaces.ts';

const servers = await startApiServers();
after(() => servers[Symbol.asyncDispose]());

describe('the way to a cluster', () => {
  for (const row of buildClusterRows(servers)) {
    test(row.name, async () => {
      await using folder = await createRowFolder(row);
      const { error, ...outcome } = await runOurs(row, folder, servers);
      const { refused } = row.expected;
      if (refused === undefined) assert.equal(error, undefined);
      else assert.match(error ?? 'no error', refused);
      assert.deepEqual(outcome, sharedOf(row.expected));
    });
  }
});

describe('the namespace', () => {
  for (const { namespace, ...row } of buildNamespaceRows(servers)) {
    test(row.name, async () => {
      await using folder = await createRowFolder({ ...row, expected: {} });
      assert.equal(resolveRow({ ...row, expected: {} }, folder).namespace, namespace);
    });
  }
});
