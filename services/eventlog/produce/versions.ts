import {
  listOffsetsV6,
  listOffsetsV7,
  metadataV10,
  metadataV11,
  metadataV12,
  produceV9,
  produceV10,
  produceV11,
} from '@platformatic/kafka';
import { LogError } from '#services/eventlog/port.ts';
import { fetchHeader } from './fetchHeader.ts';

/**
 * Supported versions, newest first. Metadata before version 10 has no topic id, so brokers must be Kafka 2.8 or
 * newer.
 */
const known = {
  metadata: [metadataV12.api, metadataV11.api, metadataV10.api],
  produce: [produceV11.api, produceV10.api, produceV9.api],
  listOffsets: [listOffsetsV7.api, listOffsetsV6.api],
  fetch: [fetchHeader],
} as const;

/** The requests, each in the newest version that both sides know. */
export interface BrokerVersions {
  readonly metadata: (typeof known.metadata)[number];
  readonly produce: (typeof known.produce)[number];
  readonly listOffsets: (typeof known.listOffsets)[number];
  readonly fetch: (typeof known.fetch)[number];
}

export interface VersionRange {
  readonly apiKey: number;
  readonly minVersion: number;
  readonly maxVersion: number;
}

/** Chooses the versions for one broker. Throws LogError for a broker that is too old or too new. */
export function chooseVersions(offered: readonly VersionRange[]): BrokerVersions {
  return {
    metadata: newest('Metadata', known.metadata, offered),
    produce: newest('Produce', known.produce, offered),
    listOffsets: newest('ListOffsets', known.listOffsets, offered),
    fetch: newest('Fetch', known.fetch, offered),
  };
}

function newest<Api extends { key: number; version: number }>(
  name: string,
  apis: readonly Api[],
  offered: readonly VersionRange[],
): Api {
  const found = apis.find(({ key, version }) =>
    offered.some((range) => range.apiKey === key && range.minVersion <= version && version <= range.maxVersion),
  );
  if (found !== undefined) return found;
  const range = offered.find(({ apiKey }) => apiKey === apis[0]?.key);
  const theirs = range === undefined ? 'does not offer it' : `offers ${range.minVersion} to ${range.maxVersion}`;
  throw new LogError(
    `no common version of ${name} with Kafka: this program knows ${apis.map(({ version }) => version).join(', ')}, the broker ` +
      `${theirs}. Use Kafka 2.8 or newer`,
  );
}
