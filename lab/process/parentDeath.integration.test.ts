import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { startKafka } from '#lab/kafka/kafka.ts';
import { startPostgres } from '#lab/postgres/postgres.ts';
import { createTemporaryFolder } from '#tools/testing/folder.ts';
import { findProcesses } from './processes.ts';
import { waitFor } from './wait.ts';

test('kill -9 of the process that started Kafka and PostgreSQL leaves no process, and both start again on their data', async () => {
  await using folder = await createTemporaryFolder();
  const program = `
    import { startKafka } from '#lab/kafka/kafka.ts';
    import { startPostgres } from '#lab/postgres/postgres.ts';
    const [kafka, postgres] = await Promise.all([
      startKafka({ dir: '${join(folder.path, 'kafka')}' }),
      startPostgres({ dir: '${join(folder.path, 'postgres')}' }),
    ]);
    console.log(kafka.clusterId, postgres.port);`;
  const parent = spawn(process.execPath, ['--input-type=module', '-e', program], {
    cwd: join(import.meta.dirname, '..', '..'),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(createInterface(parent.stdout), 'line');
  const [clusterId, port] = String(line).split(' ');
  parent.kill('SIGKILL');
  await waitFor({ what: 'the servers to be gone', timeoutMs: 10_000 }, async () => {
    const left = await findProcesses(folder.path);
    if (left.length > 0) throw new Error(left.map(({ commandLine }) => commandLine).join('\n'));
    return true;
  });
  await using kafka = await startKafka({ dir: join(folder.path, 'kafka') });
  await using postgres = await startPostgres({ dir: join(folder.path, 'postgres') });
  assert.equal(kafka.clusterId, clusterId);
  assert.equal(postgres.port, Number(port));
});
