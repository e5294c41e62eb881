import assert from 'node:assert/strict';
import { test } from 'node:test';
import { untilCoordinatorServes } from './coordinator.ts';
import { LogUnavailableError, type LogUnavailableReason } from './port.ts';

/** Builds a fake coordinator that refuses for these reasons, one after the other, then serves. A call takes 1 s. */
function coordinator(...reasons: LogUnavailableReason[]) {
  let calls = 0;
  return {
    options: {
      admin: {
        async use(): Promise<never> {
          const reason = reasons[calls++];
          if (reason !== undefined) throw new LogUnavailableError(reason, 'not now');
          return undefined as never;
        },
      },
      group: 'group',
      topic: 'topic',
      now: () => calls * 1000,
      pause: async () => {},
    },
    calls: () => calls,
  };
}

test('the request is retried while the coordinator loads its groups or is not found yet', async () => {
  const { options, calls } = coordinator('GroupLoading', 'Unreachable', 'GroupLoading');
  await untilCoordinatorServes(options);
  assert.equal(calls(), 4);
});

test('a request that the coordinator refuses is not retried', async () => {
  for (const reason of ['NotAuthorized', 'AuthenticationFailed', 'TlsFailed', 'TopicMissing'] as const) {
    const { options, calls } = coordinator(reason);
    await assert.rejects(untilCoordinatorServes(options), { reason });
    assert.equal(calls(), 1);
  }
});

test('a coordinator that loads for too long is an error for the caller', async () => {
  const { options, calls } = coordinator(...Array.from({ length: 20 }, () => 'GroupLoading' as const));
  await assert.rejects(untilCoordinatorServes(options), { reason: 'GroupLoading' });
  assert.equal(calls(), 11);
});
