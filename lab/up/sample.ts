import { readFile } from 'node:fs/promises';
import { parse, stringify } from 'yaml';
import { z } from 'zod';
import { apiVersion, kind, type PipelineRef } from '#contract/names.ts';
import { parsePipelineStrictly } from '#operator/api/parse.ts';
import { formatProblems } from '#operator/api/problem.ts';
import type { SumPipeline } from '#operator/api/types.ts';

/** The addresses of Kafka and PostgreSQL for pods, and the credentials. */
export interface Parts {
  readonly bootstrapServers: string;
  readonly kafkaCaPem: string;
  readonly kafkaUsername: string;
  readonly kafkaPassword: string;
  readonly storeUri: string;
  readonly storeCaPem: string;
}

/** The sample pipeline, adapted to the running servers. */
export interface Sample {
  readonly ref: PipelineRef;
  /** The object that is applied. */
  readonly resource: unknown;
  /** The applied object as YAML, for a user who wants to apply it again. */
  readonly yaml: string;
  /** True if the file could not be used unchanged: a port was in use, or parts of the spec were replaced. */
  readonly isChanged: boolean;
  /** Namespace and Secrets that the resource names. */
  readonly prerequisites: readonly object[];
}

export interface Secret {
  readonly apiVersion: 'v1';
  readonly kind: 'Secret';
  readonly metadata: { readonly name: string; readonly namespace: string };
  readonly stringData: Readonly<Record<string, string>>;
}

/** Names of the pipeline and its Secrets in the cluster. They are known before any server runs. */
export interface SampleNames {
  readonly ref: PipelineRef;
  readonly secrets: readonly string[];
}

const documentSchema = z.looseObject({ spec: z.looseObject({ kafka: z.looseObject({}) }) });

/** Reads the name of the sample pipeline, and the names of the Secrets that it refers to. */
export async function readSampleNames(path: string): Promise<SampleNames> {
  const pipeline = parseSample(path, parse(await readFile(path, 'utf8')));
  const { namespace, name } = pipeline.metadata;
  return {
    ref: { namespace, name },
    secrets: buildSecrets(pipeline, nowhere).map(({ metadata }) => metadata.name),
  };
}

const nowhere: Parts = {
  bootstrapServers: '',
  kafkaCaPem: '',
  kafkaUsername: '',
  kafkaPassword: '',
  storeUri: '',
  storeCaPem: '',
};

/** Reads the sample pipeline and makes the objects that it refers to. `changes` replace whole parts of its spec. */
export async function readSample(
  path: string,
  parts: Parts,
  changes: Readonly<Record<string, object>> = {},
): Promise<Sample> {
  const text = await readFile(path, 'utf8');
  const document = documentSchema.parse(parse(text));
  const wanted = parts.bootstrapServers.split(',');
  const isMoved = JSON.stringify(document.spec.kafka['bootstrapServers']) !== JSON.stringify(wanted);
  const isChanged = isMoved || Object.keys(changes).length > 0;
  const kafka = { ...document.spec.kafka, bootstrapServers: wanted };
  const resource = isChanged ? { ...document, spec: { ...document.spec, kafka, ...changes } } : document;
  const pipeline = parseSample(path, resource);
  const { namespace, name } = pipeline.metadata;
  return {
    ref: { namespace, name },
    resource,
    yaml: isChanged ? stringify(resource, { lineWidth: 0 }) : text,
    isChanged,
    prerequisites: [
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
      ...buildSecrets(pipeline, parts),
    ],
  };
}

function parseSample(path: string, resource: unknown): SumPipeline {
  const parsed = parsePipelineStrictly(resource, { namespace: 'default' });
  if (parsed.ok) return parsed.value;
  throw new Error(`${path} is not a valid ${kind} of ${apiVersion}:\n${formatProblems(parsed.problems)}`);
}

/** Builds every Secret that the spec names, with the keys that the spec names. */
export function buildSecrets(pipeline: SumPipeline, parts: Parts): Secret[] {
  const { kafka, store } = pipeline.spec;
  const data = new Map<string, Record<string, string>>();
  const put = (secret: string, values: Readonly<Record<string, string>>) => {
    data.set(secret, { ...data.get(secret), ...values });
  };
  const { postgres } = store;
  const ca = kafka.tls?.caSecretRef;
  const user = kafka.auth?.scram.secretRef;
  if (ca !== undefined) put(ca.name, { [ca.key]: parts.kafkaCaPem });
  if (user !== undefined) {
    put(user.name, { [user.usernameKey]: parts.kafkaUsername, [user.passwordKey]: parts.kafkaPassword });
  }
  put(postgres.secretRef.name, { [postgres.secretRef.uriKey]: parts.storeUri });
  if (postgres.caSecretRef !== undefined)
    put(postgres.caSecretRef.name, { [postgres.caSecretRef.key]: parts.storeCaPem });
  const { namespace } = pipeline.metadata;
  return [...data].map(([name, stringData]) => ({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace },
    stringData,
  }));
}
