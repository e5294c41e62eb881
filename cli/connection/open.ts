import type { Calculator } from '#cli/api/calculator.ts';
import type { HttpService } from '#cli/api/http.ts';
import type { Connection } from './connection.ts';
import type { ConnectionOptions } from './options.ts';

/** Connects to the calculator at the URL of the options. Without a URL finds the pipeline in the cluster. */
export async function openCalculator(options: ConnectionOptions, signal: AbortSignal): Promise<Connection<Calculator>> {
  // A client takes up to half a second to load, so load only the one that is needed.
  if (options.url !== undefined) return (await import('./direct.ts')).openCalculatorAt(options.url);
  return await (await import('./kubernetes.ts')).openCalculatorOf(options, signal);
}

/** Connects to an aggregator, in the same way as `openCalculator`. */
export async function openAggregator(
  options: ConnectionOptions,
  signal: AbortSignal,
): Promise<Connection<HttpService>> {
  if (options.url !== undefined) return (await import('./direct.ts')).openAggregatorAt(options.url);
  return await (await import('./kubernetes.ts')).openAggregatorOf(options, signal);
}
