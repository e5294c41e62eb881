import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseVersions } from './versions.ts';

const [produce, fetch, listOffsets, metadata] = [0, 1, 2, 3];
const offer = (produceMax: number, listOffsetsMax: number, metadataMax: number) => [
  { apiKey: produce, minVersion: 0, maxVersion: produceMax },
  { apiKey: fetch, minVersion: 4, maxVersion: 12 },
  { apiKey: listOffsets, minVersion: 0, maxVersion: listOffsetsMax },
  { apiKey: metadata, minVersion: 0, maxVersion: metadataMax },
];

test('each request is sent in the newest version that both sides know', () => {
  const versionsOf = (chosen: ReturnType<typeof chooseVersions>) => [
    chosen.produce.version,
    chosen.listOffsets.version,
    chosen.metadata.version,
  ];
  assert.deepEqual(versionsOf(chooseVersions(offer(13, 11, 13))), [11, 7, 12]);
  assert.deepEqual(versionsOf(chooseVersions(offer(9, 6, 11))), [9, 6, 11], 'Kafka 2.8');
});

test('a broker that is too old is named with what it offers', () => {
  assert.throws(
    () => chooseVersions(offer(8, 5, 9)),
    /no common version of Metadata with Kafka: this program knows 12, 11, 10, the broker offers 0 to 9. Use Kafka 2.8 or newer/,
  );
  assert.throws(() => chooseVersions([]), /does not offer it/);
});
