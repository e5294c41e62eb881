import { parseEnvironment } from '#platform/environment.ts';
import type { Logger } from '#platform/log.ts';
import { tracingEnvironment } from './settings.ts';

export interface TracingOptions {
  readonly environment: NodeJS.ProcessEnv;
  /** The `service.name` of the spans, unless OTEL_SERVICE_NAME is set. */
  readonly serviceName: string;
  readonly logger: Logger;
}

/**
 * Loads the SDK if an OTLP endpoint is set, and returns the function that ends it. Never rejects: invalid settings are
 * logged and turn traces off, because the process must work without traces too.
 */
export async function startTracing({ environment, serviceName, logger }: TracingOptions): Promise<() => Promise<void>> {
  try {
    const settings = parseEnvironment(tracingEnvironment, environment);
    const endpoint = settings.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT ?? settings.OTEL_EXPORTER_OTLP_ENDPOINT;
    const isOn = endpoint !== undefined && !settings.OTEL_SDK_DISABLED && settings.OTEL_TRACES_EXPORTER === 'otlp';
    if (!isOn) return async () => {};
    const { startSdk } = await import('./sdk.ts');
    const close = startSdk({ settings, serviceName, logger });
    const { OTEL_TRACES_SAMPLER: sampler, OTEL_TRACES_SAMPLER_ARG: argument } = settings;
    logger.info({ endpoint: withoutCredentials(endpoint), sampler, argument }, 'traces are on');
    return close;
  } catch (error) {
    logger.warn({ error }, 'traces are off: correct the variable');
    return async () => {};
  }
}

function withoutCredentials(endpoint: string): string {
  const { protocol, host, pathname } = new URL(endpoint);
  return `${protocol}//${host}${pathname}`;
}
