import type { Attributes } from '@opentelemetry/api';

/** Returns the attributes of a span about Kafka, named by OpenTelemetry's semantic conventions for messaging. */
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
    // A number is exact only below 2^53. Higher offsets do not occur in practice.
    ...(offset === undefined ? {} : { 'kafka.offset': Number(offset) }),
    ...(records === undefined ? {} : { 'messaging.batch.message_count': records }),
  };
}
