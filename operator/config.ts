import { z } from 'zod';
import { ports } from '#contract/ports.ts';

const text = z.string().min(1);
const namespaceName = z.string().regex(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/, 'must be the name of a namespace');
const whole = (minimum: number, maximum: number) =>
  z
    .string()
    .regex(/^\d{1,9}$/, 'must be a whole number')
    .transform(Number)
    .pipe(z.number().min(minimum).max(maximum));

/** Environment variables that the operator reads. */
export const operatorEnvironment = z.object({
  SUMPIPELINE_OPERATOR_NAMESPACE: namespaceName.describe('namespace of the operator, where its Lease is'),
  SUMPIPELINE_POD_NAME: text.max(253).default('operator').describe('name of this process in the Lease and in events'),
  SUMPIPELINE_OPERATOR_IMAGE: text
    .max(512)
    .describe('image of the operator; pipelines without spec.image run it, so they follow an upgrade of the operator'),
  SUMPIPELINE_WATCH_NAMESPACES: z
    .string()
    .transform((value) => value.split(',').map((name) => name.trim()))
    .pipe(z.array(namespaceName).min(1).max(100))
    .optional()
    .describe('namespaces whose SumPipelines this operator manages, comma-separated; all when absent'),
  SUMPIPELINE_CONCURRENCY: whole(1, 64)
    .default(4)
    .describe('SumPipelines reconciled at the same time: per watched namespace, or in total if all are watched'),
  SUMPIPELINE_LISTEN_ADDRESS: text.default('0.0.0.0').describe('address to listen on'),
  SUMPIPELINE_ADMIN_PORT: whole(0, 65535)
    .default(ports.admin)
    .describe('/livez, /readyz, /metrics; 0 picks a free port'),
  SUMPIPELINE_KUBECONFIG: text
    .optional()
    .describe(
      'kubeconfig file; connections to its server use HTTPS_PROXY if set. Absent: the ServiceAccount of the pod, without a proxy',
    ),
  SUMPIPELINE_LOG_LEVEL: z.enum(['debug', 'info', 'warn', 'error']).default('info').describe('lowest level to log'),
});

export type OperatorConfig = z.infer<typeof operatorEnvironment>;
