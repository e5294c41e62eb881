import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Acknowledged, RecentAdditions } from './recent.ts';

const entry = (id: number, a = '1'): Acknowledged => ({
  addition: { requestId: `id-${id}`, series: 's', a, b: '0', result: a },
  position: { partition: 0, offset: BigInt(id), logEpoch: 1 },
});

test('it keeps the ids that were used last, as a simple model does', () => {
  const command = fc.tuple(fc.constantFrom('find', 'remember'), fc.nat(9));
  fc.assert(
    fc.property(fc.array(command, { maxLength: 60 }), fc.integer({ min: 1, max: 5 }), (commands, entriesMax) => {
      const recent = new RecentAdditions({ entriesMax });
      let model: number[] = [];
      for (const [what, id] of commands) {
        const isKnown = model.includes(id);
        if (what === 'find') assert.equal(recent.find(`id-${id}`)?.position.offset, isKnown ? BigInt(id) : undefined);
        else recent.remember(entry(id));
        if (isKnown || what === 'remember') model = [...model.filter((other) => other !== id), id].slice(-entriesMax);
        assert.equal(recent.size, model.length);
      }
      for (const id of model) assert.ok(recent.find(`id-${id}`));
    }),
  );
});

test('the first acknowledgement of an id stays', () => {
  const recent = new RecentAdditions({ entriesMax: 2 });
  recent.remember(entry(1, '5'));
  recent.remember({ ...entry(1, '7'), position: { partition: 9, offset: 9n, logEpoch: 1 } });
  assert.deepEqual(recent.find('id-1'), entry(1, '5'));
});
