import { GaveUp, Refused } from '#cli/api/failure.ts';
import type { HttpService } from '#cli/api/http.ts';
import { withRetries } from '#cli/api/retry.ts';
import type { Connection } from '#cli/connection/connection.ts';
import { openAggregator } from '#cli/connection/open.ts';
import type { ConnectionOptions } from '#cli/connection/options.ts';
import type { Context } from '#cli/context.ts';
import { CliError, exitCodes } from '#cli/exit.ts';
import type { PipelineRef } from '#contract/names.ts';

/**
 * How long a read is retried, in milliseconds: long enough to replace a pod. An addition is retried longer, because an
 * addition that is given up may be lost.
 */
const readRetryMs = 15_000;

export interface Reader {
  readonly name: string;
  /** Runs one read with retries. A final error becomes a CliError. */
  read<T>(attempt: (aggregator: HttpService) => Promise<T>): Promise<T>;
}

/** Opens a pipeline's aggregator for reads, and closes it at the end. */
export async function withAggregator<T>(
  options: ConnectionOptions,
  context: Context,
  work: (reader: Reader) => Promise<T>,
): Promise<T> {
  await using connection = await openAggregator(options, context.signal);
  return await work(createReader(connection, context));
}

export function createReader(
  { service: aggregator, kubernetes }: Connection<HttpService>,
  context: Context,
  retryMs: number = readRetryMs,
): Reader {
  const { now, random, signal, stderr } = context;
  let isSaid = false;
  return {
    name: aggregator.name,
    async read(attempt) {
      try {
        return await withRetries(() => attempt(aggregator), {
          deadlineMs: retryMs,
          now,
          random,
          signal,
          onRetry(failure) {
            if (!isSaid) stderr.write(`waiting: ${failure.message}; retrying for ${retryMs / 1000} s\n`);
            isSaid = true;
          },
        });
      } catch (error) {
        throw explain(error, aggregator.name, kubernetes?.ref);
      }
    },
  };
}

function explain(error: unknown, name: string, ref: PipelineRef | undefined): unknown {
  if (error instanceof GaveUp) {
    return new CliError(exitCodes.unreachable, `${name} does not respond: ${error.message}`, {
      hint:
        ref === undefined
          ? 'Check that the aggregator is running and that this is its URL.'
          : `Check the pipeline: sumctl status -n ${ref.namespace} -p ${ref.name}, or kubectl get pods -n ${ref.namespace}.`,
      cause: error,
    });
  }
  if (error instanceof Refused) {
    const isLate = error.code === 'position-not-reached';
    return new CliError(isLate ? exitCodes.notYet : exitCodes.failed, error.message, {
      ...(isLate
        ? {
            hint: 'Acknowledged additions are durable and will be counted. Wait longer with --timeout, or see sumctl status.',
          }
        : {}),
      cause: error,
    });
  }
  return error;
}
