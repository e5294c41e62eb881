import { z } from 'zod';

/** The conditions in the status of a SumPipeline. Empty until the operator has written them. */
export const conditionsSchema = z
  .array(
    z.object({
      type: z.string(),
      status: z.string(),
      reason: z.string().default(''),
      message: z.string().default(''),
    }),
  )
  .default([]);
