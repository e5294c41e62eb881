import { z } from 'zod';

/** The fields that we read of a Strimzi `Kafka` (kafka.strimzi.io/v1). Other fields are dropped. */
const strimziKafkaSchema = z.object({
  metadata: z.object({
    name: z.string(),
    namespace: z.string(),
    annotations: z.record(z.string(), z.string()).optional(),
  }),
  spec: z.object({
    kafka: z.object({
      listeners: z.array(z.object({ name: z.string(), tls: z.boolean().optional() })).optional(),
    }),
  }),
  status: z
    .object({
      listeners: z
        .array(
          z.object({
            name: z.string().optional(),
            bootstrapServers: z.string().optional(),
            certificates: z.array(z.string()).optional(),
          }),
        )
        .optional(),
      conditions: z
        .array(z.object({ type: z.string().optional(), status: z.string().optional(), message: z.string().optional() }))
        .optional(),
    })
    .optional(),
});

export type StrimziKafka = z.output<typeof strimziKafkaSchema>;

/** Parses a Strimzi `Kafka`. Undefined means that the object does not have the form of kafka.strimzi.io/v1. */
export function parseStrimziKafka(object: unknown): StrimziKafka | undefined {
  const parsed = strimziKafkaSchema.safeParse(object);
  return parsed.success ? parsed.data : undefined;
}
