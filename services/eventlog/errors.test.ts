import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import kafkajs from 'kafkajs';
import { SecretFileError } from '#platform/secretFile.ts';
import { DeadlineError } from '#platform/time.ts';
import { explainKafkaError, isTerminal } from './errors.ts';
import { AppendError, LogUnavailableError } from './port.ts';
import type { KafkaSettings } from './settings.ts';

const settings: KafkaSettings = {
  bootstrapServers: ['b-1:9096'],
  topic: 'shop.orders',
  group: 'shop.orders',
  clientId: 'test',
  tls: { ca: { what: 'CA', path: '/ca', source: 'Secret orders-ca, key ca.crt' } },
  scram: {
    mechanism: 'SCRAM-SHA-512',
    username: { what: 'user', path: '/user', source: 'Secret orders-kafka, key username' },
    password: { what: 'password', path: '/password', source: 'Secret orders-kafka, key password' },
  },
};

const protocol = (type: string) =>
  new kafkajs.KafkaJSProtocolError(Object.assign(new Error(type.toLowerCase()), { type, code: 1, retriable: false }));
const exceeded = (cause: Error) => new kafkajs.KafkaJSNumberOfRetriesExceeded(cause, { retryCount: 3, retryTime: 1 });

/** Builds kafkajs' error for SASL without its class, because the declared constructor takes no argument. */
const authentication = (text: string) =>
  Object.assign(new Error(text), { name: 'KafkaJSSASLAuthenticationError', retriable: false });

describe('an error of Kafka is explained with the Secret key or the name that is wrong', () => {
  const cases: [what: string, error: unknown, reason: string, message: RegExp][] = [
    [
      'a missing file',
      new SecretFileError('Kafka password', 'Secret orders-kafka, key password'),
      'SecretMissing',
      /^Kafka password: Secret orders-kafka, key password is missing or empty$/,
    ],
    [
      'a wrong password',
      authentication(
        'SASL SCRAM SHA512 authentication failed: Authentication failed during authentication due to invalid credentials',
      ),
      'AuthenticationFailed',
      /Secret orders-kafka, key username and Secret orders-kafka, key password/,
    ],
    [
      'a connection lost while authenticating',
      authentication('SASL SCRAM SHA512 authentication failed: Connection closed by the server'),
      'Unreachable',
      /b-1:9096/,
    ],
    [
      'a foreign CA',
      exceeded(new kafkajs.KafkaJSConnectionError('Connection error: self-signed certificate in certificate chain')),
      'TlsFailed',
      /not trusted by Secret orders-ca, key ca\.crt/,
    ],
    [
      'another host name',
      new kafkajs.KafkaJSConnectionError(
        "Connection error: Hostname/IP does not match certificate's altnames: Host: b-1.",
      ),
      'TlsFailed',
      /does not match the host name.*b-1:9096/,
    ],
    ['a missing ACL', protocol('TOPIC_AUTHORIZATION_FAILED'), 'NotAuthorized', /lacks an ACL for topic shop\.orders/],
    [
      'a missing ACL inside an aggregate',
      Object.assign(new Error('Topic creation errors'), { errors: [protocol('TOPIC_AUTHORIZATION_FAILED')] }),
      'NotAuthorized',
      /Secret orders-kafka, key username/,
    ],
    [
      'a missing ACL of the group',
      exceeded(protocol('GROUP_AUTHORIZATION_FAILED')),
      'NotAuthorized',
      /group shop\.orders/,
    ],
    [
      'a coordinator that no broker names, as when READ on the group is missing',
      Object.assign(new Error('Failed to find group coordinator'), { name: 'KafkaJSGroupCoordinatorNotFound' }),
      'Unreachable',
      /grant READ on the group to the Kafka user of Secret orders-kafka, key username/,
    ],
    ['a missing topic', exceeded(protocol('UNKNOWN_TOPIC_OR_PARTITION')), 'TopicMissing', /topic shop\.orders/],
    [
      'groups that are still read',
      protocol('GROUP_LOAD_IN_PROGRESS'),
      'GroupLoading',
      /consumer groups, including shop\.orders/,
    ],
    [
      'a name that does not resolve',
      Object.assign(new kafkajs.KafkaJSConnectionError('Connection error: getaddrinfo ENOTFOUND b-1'), {
        code: 'ENOTFOUND',
      }),
      'Unreachable',
      /does not resolve/,
    ],
    [
      'a silence',
      new DeadlineError('connecting', 5),
      'Unreachable',
      /b-1:9096 cannot be used \(connecting did not end/,
    ],
    ['nonsense', 'what?', 'Unreachable', /what\?/],
  ];
  for (const [what, error, reason, message] of cases) {
    test(what, () => {
      const explained = explainKafkaError(error, settings);
      assert.ok(explained instanceof LogUnavailableError);
      assert.equal(explained.reason, reason);
      assert.match(explained.message, message);
    });
  }
});

test('a LogError is returned unchanged, and a cycle of causes ends', () => {
  const own = new AppendError('partition 0 did not acknowledge');
  assert.equal(explainKafkaError(own, settings), own);
  const circle = new Error('one');
  circle.cause = new Error('two', { cause: circle });
  assert.match(explainKafkaError(circle, settings).message, /two/);
});

test('only errors that no retry can fix are terminal', () => {
  assert.equal(isTerminal(exceeded(protocol('MESSAGE_TOO_LARGE'))), true);
  assert.equal(isTerminal(exceeded(protocol('TOPIC_AUTHORIZATION_FAILED'))), true);
  assert.equal(isTerminal(exceeded(protocol('NOT_LEADER_FOR_PARTITION'))), false);
  assert.equal(isTerminal(new Error('socket hang up')), false);
});
