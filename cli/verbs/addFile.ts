import { openCalculator } from '#cli/connection/open.ts';
import type { ConnectionOptions } from '#cli/connection/options.ts';
import type { Context } from '#cli/context.ts';
import { CliError, exitCodes } from '#cli/exit.ts';
import { type ImportSummary, renderSummary } from '#cli/import/summary.ts';
import { printResult } from '#cli/output/sink.ts';
import { renderStructured } from '#cli/output/structured.ts';
import { printable } from '#cli/output/table.ts';
import type { AddOptions } from './addOptions.ts';

/** Adds every row of a file and prints the summary, also if the import ended before the last row. */
export async function addFile(
  options: AddOptions & { readonly file: string },
  connectionOptions: ConnectionOptions,
  context: Context,
): Promise<void> {
  const { importFile } = await import('#cli/import/importFile.ts');
  await using stack = new AsyncDisposableStack();
  const { summary, failure } = await importFile(
    {
      path: options.file,
      importId: options.importId,
      format: options.format,
      rejectsPath: options.rejects,
      concurrency: options.concurrency,
      retryForMs: options.retryForMs,
      // Called after the input was opened, so that an error in the input is reported without a cluster.
      async connect() {
        return stack.use(await openCalculator(connectionOptions, context.signal)).service;
      },
    },
    context,
  );
  const text = options.output === 'table' ? renderSummary(summary) : renderStructured(options.output, summary);
  const done = `${summary.accepted + summary.replayed} of ${summary.rows} rows are acknowledged under the import id ${summary.importId}`;
  await printResult(context.stdout, text, done);
  if (failure !== undefined) throw failure;
  const { rows, rejected } = summary;
  if (rejected > 0) {
    const rest = rejected < rows ? 'the others were added' : 'nothing was added';
    throw new CliError(exitCodes.failed, `${rejected} of ${rows} rows were rejected; ${rest}`, {
      hint: describeCure(summary, options.importId),
    });
  }
}

function describeCure({ rejections }: ImportSummary, importId: string | undefined): string {
  const hasConflict = rejections.some(({ code }) => code === 'id-conflict');
  return [
    'Correct the rejected rows and add them as a separate file',
    importId === undefined
      ? `. The whole file, corrected, would be another import: its
other rows would be counted again.`
      : `, with another --import-id: under "${printable(importId)}" its row 1 would
have the request id of row 1 of this file.`,
    hasConflict
      ? `
An id-conflict means that the row's id was used before, for other numbers, which count. Possible cause: rows were
changed, inserted or removed under the same --import-id. See "sumctl add --help".`
      : '',
  ].join('');
}
