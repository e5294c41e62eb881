import type { Acknowledged } from '#cli/api/calculator.ts';
import { GaveUp, Refused } from '#cli/api/failure.ts';
import { withRetries } from '#cli/api/retry.ts';
import { openCalculator } from '#cli/connection/open.ts';
import { type ConnectionOptions, urlFlags } from '#cli/connection/options.ts';
import type { Context } from '#cli/context.ts';
import { CliError, exitCodes, usageError } from '#cli/exit.ts';
import { flagOf } from '#cli/options.ts';
import { shellWord } from '#cli/output/shell.ts';
import { printResult } from '#cli/output/sink.ts';
import { renderStructured } from '#cli/output/structured.ts';
import { printable, renderFields } from '#cli/output/table.ts';
import { parseAddition } from '#core/addition.ts';
import { SumError } from '#core/errors.ts';
import { formatPosition } from '#core/vector.ts';
import type { AddOptions } from './addOptions.ts';

/** Adds two numbers and prints the receipt. If the outcome is unknown, the error shows a command to run again. */
export async function addOne(
  operands: { a: string | undefined; b: string | undefined },
  options: AddOptions,
  connectionOptions: ConnectionOptions,
  context: Context,
): Promise<void> {
  const { a, b } = operands;
  if (a === undefined || b === undefined) {
    throw usageError('add needs two numbers, or --file', 'For example: sumctl add 1.10 2');
  }
  const { now, random, signal, stdout, stderr } = context;
  const requestId = options.id ?? context.newRequestId();
  const addition = checkOperands({ requestId, series: options.series, a, b });
  await using connection = await openCalculator(connectionOptions, signal);
  const calculator = connection.service;
  let answer: Acknowledged;
  try {
    answer = await withRetries(() => calculator.add(addition, signal), {
      deadlineMs: options.retryForMs,
      now,
      random,
      signal,
      onRetry: (failure, waitMs) => {
        const why = printable(failure.message);
        stderr.write(`waiting: ${why}; retrying in ${waitMs} ms with the same id ${requestId}\n`);
      },
    });
  } catch (error) {
    const again = buildAgain(addition, connectionOptions);
    if (signal.aborted) {
      throw new CliError(exitCodes.interrupted, 'interrupted; it is unknown whether the addition was written', {
        hint: `Run exactly this command again; the addition is counted once in any case:\n  ${again}`,
      });
    }
    throw explain(error, { again });
  }
  const done = `the addition ${requestId} is acknowledged at ${formatPosition(answer.position)}`;
  await printResult(stdout, renderReceipt(answer, options), done);
}

function renderReceipt(answer: Acknowledged, { output }: AddOptions): string {
  const { requestId, series, result, replayed } = answer;
  const { partition, offset, logEpoch } = answer.position;
  if (output !== 'table') {
    const position = { partition, offset: String(offset), logEpoch };
    return renderStructured(output, { requestId, series, result, position, replayed });
  }
  return renderFields([
    ['Series', series],
    ['Result', result],
    ['Position', formatPosition(answer.position)],
    ['Request id', requestId],
    ['Replayed', replayed ? 'yes: the addition was acknowledged before, nothing was written now' : 'no'],
  ]);
}

/** Checks the operands as the calculator does, but without a connection. */
function checkOperands(input: { requestId: string; series: string; a: string; b: string }) {
  try {
    return parseAddition(input);
  } catch (error) {
    if (!(error instanceof SumError)) throw error;
    const names: Record<string, string> = { requestId: '--id', series: '--series' };
    throw usageError(error.message.replace(/^\w+/, (field) => names[field] ?? field));
  }
}

function explain(error: unknown, { again }: { again: string }): unknown {
  if (error instanceof GaveUp) {
    return error.mayBeWritten
      ? new CliError(exitCodes.unreachable, `it is unknown whether the addition was written: ${error.message}`, {
          hint: `Run exactly this command again; the addition is counted once in any case:\n  ${again}`,
          cause: error,
        })
      : new CliError(exitCodes.unreachable, `nothing was written: ${error.message}`, {
          hint: `Retry later with the same id:\n  ${again}`,
          cause: error,
        });
  }
  if (error instanceof Refused && error.code === 'id-conflict') {
    return new CliError(exitCodes.failed, error.message, {
      hint: 'The id belongs to another addition. For a new addition leave out --id: sumctl then makes a new id.',
      cause: error,
    });
  }
  if (error instanceof Refused) return new CliError(exitCodes.failed, error.message, { cause: error });
  return error;
}

/** Returns the same addition as a command that can be pasted into a shell. */
function buildAgain(
  addition: { requestId: string; series: string; a: string; b: string },
  connection: ConnectionOptions,
): string {
  const words = ['sumctl', 'add', addition.a, addition.b, '--series', addition.series, '--id', addition.requestId];
  const { url, ...kubernetes } = connection;
  for (const [name, value] of Object.entries(kubernetes)) {
    if (typeof value === 'string') words.push(flagOf(name), value);
  }
  if (url !== undefined) words.push(urlFlags.calculator, url);
  return words.map(shellWord).join(' ');
}
