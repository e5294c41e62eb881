import assert from 'node:assert/strict';
import { test } from 'node:test';
import kafkajs from 'kafkajs';
import { damagedHeader, installCodecs, unreadableHeader } from './codecs.ts';

installCodecs();

for (const [type, make] of Object.entries(kafkajs.CompressionCodecs)) {
  for (const [what, packed] of Object.entries({
    'no bytes': Buffer.alloc(0),
    'bytes of no codec': Buffer.from('these are not packed bytes'),
    zeros: Buffer.alloc(1000),
    ones: Buffer.alloc(1000, 255),
  })) {
    test(`codec ${type} answers ${what} with records that say why`, async () => {
      const answer: Buffer = await make().decompress(packed);
      // Snappy reads a huge unpacked size from bytes of ones, so the batch is too large. All other bytes are damaged
      // batches.
      const said = answer.includes('unpacks to more') ? unreadableHeader : damagedHeader;
      assert.ok(answer.includes(said), answer.subarray(0, 100).toString('latin1'));
      assert.match(
        answer.subarray(0, 200).toString('latin1'),
        /its batch (cannot be unpacked|unpacks to more than 16 MB)/,
      );
    });
  }
}
