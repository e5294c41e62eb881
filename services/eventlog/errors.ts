import { SecretFileError } from '#platform/secretFile.ts';
import { DeadlineError } from '#platform/time.ts';
import { LogError, LogUnavailableError, type LogUnavailableReason } from './port.ts';
import { type KafkaSettings, sourceOf } from './settings.ts';

/**
 * Turns any error of the Kafka clients into a LogError that says what an administrator can do. Reads the whole chain of
 * causes, because the clients wrap errors in errors.
 */
export function explainKafkaError(error: unknown, settings: KafkaSettings): LogError {
  if (error instanceof LogError) return error;
  const chain = chainOf(error);
  const secret = chain.find((link) => link instanceof SecretFileError);
  if (secret !== undefined) return new LogUnavailableError('SecretMissing', secret.message, { cause: error });
  const facts = chain.map(factOf);
  const found = explanations.find(({ applies }) => facts.some(applies));
  const reason = found?.reason ?? 'Unreachable';
  const message = found?.message(settings) ?? `Kafka at ${settings.bootstrapServers.join(',')} cannot be used`;
  const detail = facts.at(-1)?.text ?? String(error);
  return new LogUnavailableError(reason, `${message} (${detail})`, { cause: error });
}

/** Returns true if a retry with the same client cannot help: the secrets or the settings must change first. */
export function needsNewClient(error: LogError): boolean {
  return (
    error instanceof LogUnavailableError &&
    (error.reason === 'AuthenticationFailed' || error.reason === 'TlsFailed' || error.reason === 'SecretMissing')
  );
}

/** Returns true if the broker's response says that the same request can never succeed (too large, not authorized). */
export function isTerminal(error: unknown): boolean {
  return hasType(error, terminalTypes);
}

/** Returns true if the broker refused a batch because the batch or one of its records is too large. */
export function isTooLarge(error: unknown): boolean {
  return hasType(error, tooLargeTypes);
}

/**
 * Returns true if this append certainly wrote nothing: the broker refused the request before writing, or the request
 * was never sent.
 */
export function wasNotWritten(error: unknown): boolean {
  return error instanceof LogUnavailableError || hasType(error, refusalTypes);
}

function hasType(error: unknown, types: ReadonlySet<string>): boolean {
  return chainOf(error)
    .map(factOf)
    .some(({ type }) => type !== undefined && types.has(type));
}

const tooLargeTypes = new Set(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE']);

/** Errors that a broker returns before it appends. NOT_ENOUGH_REPLICAS_AFTER_APPEND is not such an error. */
const refusalTypes = new Set([
  'NOT_LEADER_OR_FOLLOWER',
  'LEADER_NOT_AVAILABLE',
  'UNKNOWN_TOPIC_OR_PARTITION',
  'UNKNOWN_TOPIC_ID',
  'NOT_ENOUGH_REPLICAS',
  'TOPIC_AUTHORIZATION_FAILED',
  'CLUSTER_AUTHORIZATION_FAILED',
  'INVALID_RECORD',
  'POLICY_VIOLATION',
]);

/** Returns true if Kafka will never create a topic with these settings: a retry cannot help. */
export function isTopicRefused(error: unknown): boolean {
  return hasType(error, topicRefusals);
}

const topicRefusals = new Set([
  'INVALID_REPLICATION_FACTOR',
  'INVALID_PARTITIONS',
  'INVALID_CONFIG',
  'INVALID_TOPIC_EXCEPTION',
  'POLICY_VIOLATION',
]);

const terminalTypes = new Set([
  'MESSAGE_TOO_LARGE',
  'RECORD_LIST_TOO_LARGE',
  'INVALID_RECORD',
  'INVALID_TOPIC_EXCEPTION',
  'TOPIC_AUTHORIZATION_FAILED',
  'CLUSTER_AUTHORIZATION_FAILED',
  'POLICY_VIOLATION',
]);

interface Fact {
  readonly name: string;
  /** Kafka's name of the protocol error, e.g. TOPIC_AUTHORIZATION_FAILED. */
  readonly type: string | undefined;
  /** Node's code of a socket or TLS error, e.g. ECONNREFUSED. */
  readonly code: string | undefined;
  readonly text: string;
}

interface Explanation {
  readonly reason: LogUnavailableReason;
  readonly applies: (fact: Fact) => boolean;
  readonly message: (settings: KafkaSettings) => string;
}

const caOf = ({ tls }: KafkaSettings) =>
  tls?.ca === undefined ? 'the CAs of the system (no CA is configured)' : sourceOf(tls.ca);

/** The first match is used. The texts are those of Kafka 4.3.1, Node 24, kafkajs 2.2 and @platformatic/kafka 2.12. */
const explanations: readonly Explanation[] = [
  {
    reason: 'TlsFailed',
    applies: ({ text, code }) =>
      /does not match certificate's altnames/.test(text) || code === 'ERR_TLS_CERT_ALTNAME_INVALID',
    message: ({ bootstrapServers }) =>
      `Kafka's certificate does not match the host name; bootstrap servers: ${bootstrapServers.join(',')}`,
  },
  {
    reason: 'TlsFailed',
    applies: ({ text }) =>
      /self[- ]signed certificate|unable to (?:get|verify)|certificate has expired|CERT_/i.test(text),
    message: (settings) => `Kafka's certificate is not trusted by ${caOf(settings)}`,
  },
  {
    reason: 'TlsFailed',
    applies: ({ text }) =>
      /wrong version number|packet length too long|PEM routines|no start line|bad base64/i.test(text),
    message: (settings) =>
      `TLS with Kafka failed: either the listener does not speak TLS or ${caOf(settings)} is not a PEM certificate`,
  },
  {
    reason: 'TlsFailed',
    applies: ({ text }) => text === 'Broker requires TLS.',
    message: ({ bootstrapServers }) =>
      `Kafka at ${bootstrapServers.join(',')} requires TLS but TLS is off: enable TLS, or use another listener`,
  },
  {
    // The reason is not TlsFailed: a broker that dies during the handshake causes the same error.
    reason: 'Unreachable',
    applies: ({ text }) => text.includes('before secure TLS connection was established'),
    message: ({ bootstrapServers }) =>
      `Kafka at ${bootstrapServers.join(',')} closed the connection before TLS was established: check that this is a TLS listener`,
  },
  {
    reason: 'AuthenticationFailed',
    // kafkajs also says "authentication failed" if the connection broke: then the password may still be right.
    applies: ({ name, type, text }) =>
      type === 'SASL_AUTHENTICATION_FAILED' ||
      (name === 'KafkaJSSASLAuthenticationError' && !/connection|timed? ?out|timeout|ECONN|EPIPE|socket/i.test(text)),
    message: ({ scram }) =>
      scram === undefined
        ? 'Kafka requires authentication: set spec.kafka.auth of the SumPipeline'
        : `Kafka refused the user or its password: check ${sourceOf(scram.username)} and ${sourceOf(scram.password)}`,
  },
  {
    reason: 'NotAuthorized',
    applies: ({ type, text }) => type?.endsWith('_AUTHORIZATION_FAILED') === true || /not authorized/i.test(text),
    message: ({ topic, group, scram }) =>
      `the Kafka user${scram === undefined ? '' : ` of ${sourceOf(scram.username)}`} lacks an ACL for topic ${topic} or group ${group}`,
  },
  {
    reason: 'TopicMissing',
    applies: ({ type }) => type === 'UNKNOWN_TOPIC_OR_PARTITION',
    message: ({ topic }) => `topic ${topic} does not exist or has no such partition`,
  },
  {
    // A missing right causes the same error: kafkajs sends the request to every broker and drops their errors.
    reason: 'Unreachable',
    applies: ({ name }) => name === 'KafkaJSGroupCoordinatorNotFound',
    message: ({ group, scram }) =>
      `no broker returned the coordinator of consumer group ${group}: grant READ on the group to the Kafka user` +
      `${scram === undefined ? '' : ` of ${sourceOf(scram.username)}`}; if the right is granted already, wait until Kafka has started`,
  },
  {
    reason: 'GroupLoading',
    applies: ({ type }) => type === 'GROUP_LOAD_IN_PROGRESS',
    message: ({ group }) => `Kafka has just started and is still loading its consumer groups, including ${group}`,
  },
  {
    reason: 'Unreachable',
    applies: ({ text }) => text === 'Closed connection' || text.startsWith('Connection closed'),
    message: ({ bootstrapServers, tls }) =>
      `Kafka at ${bootstrapServers.join(',')} closed the connection${tls === undefined ? '; check whether its listener requires TLS' : ''}`,
  },
  {
    reason: 'Unreachable',
    applies: ({ code }) => code === 'ENOTFOUND' || code === 'EAI_AGAIN',
    message: ({ bootstrapServers }) =>
      `the host name of Kafka does not resolve; bootstrap servers: ${bootstrapServers.join(',')}`,
  },
];

/** Returns the error with its causes and members, outermost first. At most 32, because causes may form a cycle. */
function chainOf(error: unknown): unknown[] {
  const chain: unknown[] = [];
  const queue: unknown[] = [error];
  while (queue.length > 0 && chain.length < 32) {
    const link = queue.shift();
    if (link === undefined || link === null || chain.includes(link)) continue;
    chain.push(link);
    if (typeof link !== 'object') continue;
    if ('errors' in link && Array.isArray(link.errors)) queue.push(...link.errors);
    if ('cause' in link) queue.push(link.cause);
  }
  return chain;
}

function factOf(link: unknown): Fact {
  const field = (name: string): string | undefined => {
    if (typeof link !== 'object' || link === null) return undefined;
    const value: unknown = Reflect.get(link, name);
    return typeof value === 'string' ? value : undefined;
  };
  const text = link instanceof Error ? link.message : String(link);
  const name = link instanceof DeadlineError ? 'DeadlineError' : (field('name') ?? '');
  // kafkajs has the name of a protocol error in `type`, @platformatic/kafka in `apiId`.
  return { name, type: field('type') ?? field('apiId'), code: field('code'), text };
}
