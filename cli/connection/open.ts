import type { Calculator } from '#cli/api/calculator.ts';
import type { HttpService } from '#cli/api/http.ts';
import type { Connection } from './connection.ts';
import type { ConnectionOptions } from './options.ts';

/** Connects to the calculator at the URL in the options. If they have no URL, finds the pipeline in the cluster. */
export async function openCalculator(options: ConnectionOptions, signal: AbortSignal): Promise<Connection<Calculator>> {
  // Import only the client that is needed, because a client takes up to half a second to load.
  if (options.url !== undefined) return (await import('./direct.ts')).openCalculatorAt(options.url);
  return await (await import('./kubernetes.ts')).openCalculatorOf(options, signal);
}

/** Connects to the aggregator at the URL in the options. If they have no URL, finds the pipeline in the cluster. */
export async function openAggregator(
  options: ConnectionOptions,
  signal: AbortSignal,
): Promise<Connection<HttpService>> {
  if (options.url !== undefined) return (await import('./direct.ts')).openAggregatorAt(options.url);
  return await (await import('./kubernetes.ts')).openAggregatorOf(options, signal);
}
