import type { Attributes } from '@opentelemetry/api';

/** Attributes of a span about the log, by OpenTelemetry's semantic conventions for messaging. */
export function logAttributes(
  topic: string,
  operation: 'send' | 'process',
  place: { readonly partition?: number; readonly offset?: bigint; readonly records?: number } = {},
): Attributes {
  const { partition, offset, records } = place;
  return {
    'messaging.system.name': 'kafka',
    'messaging.operation.type': operation,
    'messaging.destination.name': topic,
    ...(partition === undefined ? {} : { 'messaging.destination.partition.id': String(partition) }),
    // A number loses digits from 2^53 on; such offsets do not occur in practice.
    ...(offset === undefined ? {} : { 'kafka.offset': Number(offset) }),
    ...(records === undefined ? {} : { 'messaging.batch.message_count': records }),
  };
}
