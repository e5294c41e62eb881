import { z } from 'zod';
import { ports } from './ports.ts';

/**
 * The environment of the data plane: the operator writes these variables into pods, and the programs read them. A value
 * is never a secret: `*_FILE` is the path of a file with the secret. `*_SOURCE` is text for error messages that says
 * where that file comes from.
 */
const text = z.string().min(1);
const flag = z.enum(['true', 'false']).transform((value) => value === 'true');
const whole = (minimum: number, maximum: number) =>
  z
    .string()
    .regex(/^\d{1,15}$/, 'must be a whole number')
    .transform(Number)
    .pipe(z.number().min(minimum).max(maximum));

const portOf = (port: number) => whole(0, 65535).default(port);

/** Variables of both services: their pipeline, the address of the log, and their ports. */
const commonShape = {
  SUMPIPELINE_NAMESPACE: text.describe('namespace of the SumPipeline'),
  SUMPIPELINE_NAME: text.describe('name of the SumPipeline'),
  SUMPIPELINE_LOG_EPOCH: whole(1, 2 ** 31 - 1)
    .default(1)
    .describe('log epoch: the number of the log within the pipeline, from 1'),
  SUMPIPELINE_KAFKA_BOOTSTRAP_SERVERS: text
    .transform((value) => value.split(',').map((server) => server.trim()))
    .pipe(z.array(z.string().regex(/^\S+:\d{1,5}$/, 'must be host:port,host:port')).min(1))
    .describe('host:port,host:port'),
  SUMPIPELINE_KAFKA_TOPIC: text.describe('the log'),
  SUMPIPELINE_KAFKA_GROUP: text.describe('consumer group of the aggregators'),
  SUMPIPELINE_KAFKA_TLS: flag.default(false).describe('use TLS for Kafka'),
  SUMPIPELINE_KAFKA_CA_FILE: text.optional().describe('PEM of the CA that signed the brokers; system CAs when absent'),
  SUMPIPELINE_KAFKA_CA_SOURCE: text.optional().describe('source of the CA file, for error messages'),
  SUMPIPELINE_KAFKA_SCRAM_MECHANISM: z
    .enum(['SCRAM-SHA-256', 'SCRAM-SHA-512'])
    .optional()
    .describe('authenticate with SCRAM; requires the files with user name and password'),
  SUMPIPELINE_KAFKA_USERNAME_FILE: text.optional().describe('file with the user name'),
  SUMPIPELINE_KAFKA_USERNAME_SOURCE: text.optional().describe('source of the file with the user name'),
  SUMPIPELINE_KAFKA_PASSWORD_FILE: text.optional().describe('file with the password'),
  SUMPIPELINE_KAFKA_PASSWORD_SOURCE: text.optional().describe('source of the file with the password'),
  SUMPIPELINE_LISTEN_ADDRESS: text.default('0.0.0.0').describe('address to listen on'),
  SUMPIPELINE_HTTP_PORT: portOf(ports.http).describe('HTTP/JSON API; 0 picks a free port'),
  SUMPIPELINE_GRPC_PORT: portOf(ports.grpc).describe('gRPC API; 0 picks a free port'),
  SUMPIPELINE_ADMIN_PORT: portOf(ports.admin).describe('/livez, /readyz, /metrics; 0 picks a free port'),
  SUMPIPELINE_DRAIN_MS: whole(0, 600_000).default(3000).describe('time after SIGTERM to serve while unready, ms'),
  SUMPIPELINE_LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error']).default('info').describe('lowest level to log'),
};

const aggregatorShape = {
  ...commonShape,
  SUMPIPELINE_STORE_URI_FILE: text.describe('file with the postgres:// URI'),
  SUMPIPELINE_STORE_URI_SOURCE: text.optional().describe('source of the file with the URI'),
  SUMPIPELINE_STORE_CA_FILE: text.optional().describe('PEM of the CA that signed the PostgreSQL server'),
  SUMPIPELINE_STORE_CA_SOURCE: text.optional().describe('source of the CA file of PostgreSQL'),
  SUMPIPELINE_STORE_SCHEMA: text.max(63).describe('PostgreSQL schema of this pipeline'),
  SUMPIPELINE_POD_NAME: text.default('aggregator').describe('pod name: key of its verdict, owner of its partitions'),
  SUMPIPELINE_PROOF_CONFIG_MAP: text.optional().describe('ConfigMap for the verdict; absent outside Kubernetes'),
  SUMPIPELINE_TOPIC_FILE: text
    .optional()
    .describe('JSON file with the wanted topic (without Strimzi): aggregators create it, grow it, keep its settings'),
  SUMPIPELINE_TOPIC_SOURCE: text.optional().describe('source of the file with the topic'),
};

const calculatorShape = {
  ...commonShape,
  SUMPIPELINE_LOG_FILE: text
    .optional()
    .describe('JSON file with the log that the aggregators count; the calculator writes to no other log'),
  SUMPIPELINE_LOG_SOURCE: text.optional().describe('source of the file with the log'),
};

export const calculatorEnvironment = z.object(calculatorShape);
export const aggregatorEnvironment = z.object(aggregatorShape);

export type CalculatorConfig = z.infer<typeof calculatorEnvironment>;
export type AggregatorConfig = z.infer<typeof aggregatorEnvironment>;

/** Variables of OpenTelemetry that define whether and where traces are sent. platform/tracing reads them. */
type TracingName =
  | 'OTEL_EXPORTER_OTLP_ENDPOINT'
  | 'OTEL_RESOURCE_ATTRIBUTES'
  | 'OTEL_TRACES_SAMPLER'
  | 'OTEL_TRACES_SAMPLER_ARG';

/** All variables that a data-plane program may read. The operator writes only these. */
export type EnvironmentName = keyof typeof aggregatorShape | keyof typeof calculatorShape | TracingName;
