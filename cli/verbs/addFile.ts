import { openConnection } from '#cli/connection/connection.ts';
import type { ConnectionOptions } from '#cli/connection/options.ts';
import type { Context } from '#cli/context.ts';
import { CliError, exitCodes } from '#cli/exit.ts';
import { renderSummary } from '#cli/import/summary.ts';
import { renderStructured } from '#cli/output/structured.ts';
import type { AddOptions } from './add.ts';

/** Adds every row of a file and prints the summary, however the import ended. */
export async function addFile(
  options: AddOptions & { readonly file: string },
  connectionOptions: ConnectionOptions,
  context: Context,
): Promise<void> {
  const { importFile } = await import('#cli/import/importFile.ts');
  await using connection = await openConnection(connectionOptions, context.signal);
  const { summary, failure } = await importFile(
    {
      path: options.file,
      importId: options.importId,
      format: options.format,
      rejectsPath: options.rejects,
      concurrency: options.concurrency,
      retryForMs: options.retryForMs,
      calculator: connection.calculator(),
    },
    context,
  );
  context.stdout.write(options.output === 'table' ? renderSummary(summary) : renderStructured(options.output, summary));
  if (failure !== undefined) throw failure;
  const { rows, rejected } = summary;
  if (rejected > 0) {
    const rest = rejected < rows ? 'the others are added' : 'nothing was added';
    throw new CliError(exitCodes.failed, `${rejected} of ${rows} rows were rejected; ${rest}`, {
      hint: 'Mend the rejected rows and add them as a file of their own.',
    });
  }
}
