import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { silentLogger } from '#platform/log.ts';
import { LogUnavailableError, type LogUnavailableReason } from '#services/eventlog/port.ts';
import type { KafkaSettings } from '#services/eventlog/settings.ts';
import { openLogWriter } from '#services/eventlog/writer.ts';
import { createLog, plainLogSettings, secureLogSettings } from '#test/support/logSettings.ts';
import { createTemporaryFolder, type TemporaryFolder } from '#tools/testing/folder.ts';
import { type SharedKafka, sharedKafka, uniqueName } from '#tools/testing/servers.ts';

let folder: TemporaryFolder;
let kafka: SharedKafka;
let settings: KafkaSettings;
const topic = uniqueName('log');

before(async () => {
  folder = await createTemporaryFolder();
  kafka = await sharedKafka();
  settings = await secureLogSettings({ kafka, topic, dir: join(folder.path, 'good') });
  await createLog(settings, 1);
});
after(async () => {
  await folder?.[Symbol.asyncDispose]();
});

const open = (changed: KafkaSettings) => openLogWriter({ settings: changed, logger: silentLogger, onFatal() {} });

describe('a writer that cannot be opened says what is wrong', () => {
  const cases: [what: string, change: () => Promise<KafkaSettings>, reason: LogUnavailableReason, message: RegExp][] = [
    [
      'a wrong password',
      () => secureLogSettings({ kafka, topic, dir: join(folder.path, 'wrong'), password: 'wrong' }),
      'AuthenticationFailed',
      /Secret orders-kafka, key username and Secret orders-kafka, key password/,
    ],
    [
      'a user without rights',
      async () => {
        const user = { username: uniqueName('user'), password: 'right' };
        await kafka.addUser(user);
        return secureLogSettings({ kafka, topic, dir: join(folder.path, 'poor'), ...user });
      },
      'NotAuthorized',
      new RegExp(`topic ${topic}`),
    ],
    [
      'a CA that did not sign the certificate of Kafka',
      async () => ({ ...settings, tls: { ca: undefined } }),
      'TlsFailed',
      /is not trusted by the CAs of the system/,
    ],
    [
      'a CA file that is no certificate',
      async () => {
        const path = join(folder.path, 'no.crt');
        await writeFile(path, '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n');
        return { ...settings, tls: { ca: { what: 'CA', path, source: 'Secret orders-ca, key ca.crt' } } };
      },
      'TlsFailed',
      /Secret orders-ca, key ca\.crt/,
    ],
    [
      'a TLS listener without TLS',
      async () => plainLogSettings(kafka.bootstrapServers, topic),
      'TlsFailed',
      /requires TLS but TLS is off: enable TLS/,
    ],
    [
      'a listener without TLS when TLS is asked for',
      async () => ({ ...settings, bootstrapServers: kafka.plaintextBootstrapServers.split(',') }),
      'Unreachable',
      /127\.0\.0\.1/,
    ],
    [
      'an address where nothing listens',
      async () => plainLogSettings('127.0.0.1:1', topic),
      'Unreachable',
      /127\.0\.0\.1:1 cannot be used/,
    ],
  ];
  for (const [what, change, reason, message] of cases) {
    test(what, async () => {
      await assert.rejects(open(await change()), (error: unknown) => {
        assert.ok(error instanceof LogUnavailableError, String(error));
        assert.deepEqual([error.reason, message.test(error.message)], [reason, true], error.message);
        return true;
      });
    });
  }
});

test('the leader of each partition returns its log end, and the topic has an id', async () => {
  const writer = await open(settings);
  const record = { key: Buffer.alloc(16), value: Buffer.from('v'), headers: {} };
  assert.deepEqual([...(await writer.logEnds())], [[0, 0n]]);
  await writer.append(0, [record, record], { deadline: Date.now() + 10_000 });
  assert.deepEqual([...(await writer.logEnds())], [[0, 2n]]);
  assert.match(writer.topicId ?? '', /^[0-9a-f-]{36}$/);
  await writer.close();
});
