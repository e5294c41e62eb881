import type { Calculator } from '#cli/api/calculator.ts';
import type { HttpService } from '#cli/api/http.ts';
import type { Connection } from './connection.ts';
import type { ConnectionOptions } from './options.ts';

/** Finds the pipeline, or takes the URL of a calculator that was named instead. */
export async function openCalculator(options: ConnectionOptions, signal: AbortSignal): Promise<Connection<Calculator>> {
  // Clients take up to half a second to load: only those that are needed, and none for --help.
  if (options.url !== undefined) return (await import('./direct.ts')).openCalculatorAt(options.url);
  return await (await import('./kubernetes.ts')).openCalculatorOf(options, signal);
}

/** The same for reads. */
export async function openAggregator(
  options: ConnectionOptions,
  signal: AbortSignal,
): Promise<Connection<HttpService>> {
  if (options.url !== undefined) return (await import('./direct.ts')).openAggregatorAt(options.url);
  return await (await import('./kubernetes.ts')).openAggregatorOf(options, signal);
}
