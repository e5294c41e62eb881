import { z } from 'zod';

/** What we read of a Strimzi `Kafka` (kafka.strimzi.io/v1). Everything else of it is dropped. */
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

/** Undefined when the object is not what Strimzi v1 writes. */
export function parseStrimziKafka(object: unknown): StrimziKafka | undefined {
  const parsed = strimziKafkaSchema.safeParse(object);
  return parsed.success ? parsed.data : undefined;
}
