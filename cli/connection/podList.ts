import { z } from 'zod';
import type { LivePod } from '#operator/observe/objects.ts';

const podSchema = z.custom<LivePod>(
  (pod) => z.object({ metadata: z.object({ name: z.string() }) }).safeParse(pod).success,
);

/** A list of pods as the API server returns it. As in the operator, only the name of a pod is required. */
export const podListSchema = z.object({ items: z.array(podSchema) });
