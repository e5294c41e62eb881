import { Command, Option } from 'commander';
import { z } from 'zod';
import { getProof } from '#cli/api/aggregator.ts';
import { addConnectionOptions, readConnectionOptions } from '#cli/connection/options.ts';
import type { Context } from '#cli/context.ts';
import { exitCodes, exitCodesHelp, usageError } from '#cli/exit.ts';
import { parseOptions } from '#cli/options.ts';
import { findDoubt, proofJson, renderProof } from '#cli/output/proof.ts';
import { addOutputOption, outputFormatSchema, renderStructured } from '#cli/output/structured.ts';
import { withAggregator } from './read.ts';

export function verifyCommand(context: Context): Command {
  const command = new Command('verify')
    .summary('prove that every addition was counted once')
    .description(
      `Prove the totals: per partition every record of the log from the first to the next has exactly one disposition, and per series the sum over the ledger equals the total. The ledger is summed now; that reads all of it. With --from-log the log itself is read again, from its first record, by a Job beside the pipeline that shares no code with it, and compared with the books record by record.`,
    )
    .addOption(new Option('--no-recount', 'use the last recount instead of summing the ledger now'))
    .addOption(new Option('--from-log', 'read the log again in a Job and compare it with the books'))
    .addOption(
      new Option('--to <positions>', 'with --from-log: compare up to these, as in 0:41,3:7 (default: all counted)'),
    );
  addOutputOption(command);
  addConnectionOptions(command, 'aggregator');
  return command.addHelpText('after', help).action(async () => {
    const { recount, fromLog, to, output } = parseOptions(optionsSchema, command);
    const connection = readConnectionOptions(command, 'aggregator');
    if (fromLog) {
      if (!recount) throw usageError('--no-recount means nothing with --from-log: leave one out');
      // The client library takes up to half a second to load: not for the other way, nor for --help.
      const { verifyFromLog } = await import('#cli/audit/verifyFromLog.ts');
      return verifyFromLog({ connection, to: to ?? '', output, context });
    }
    if (to !== undefined) throw usageError('--to is for --from-log: add it, or leave --to out');
    const proof = await withAggregator(connection, context, (reader) =>
      reader.read((aggregator) => getProof(aggregator, { recount, signal: context.signal })),
    );
    context.stdout.write(output === 'table' ? renderProof(proof) : renderStructured(output, proofJson(proof)));
    if (findDoubt(proof) !== undefined) context.setExitCode(exitCodes.failed);
  });
}

const optionsSchema = z.object({
  recount: z.boolean(),
  fromLog: z.boolean().default(false),
  to: z.string().optional(),
  output: outputFormatSchema,
});

const help = `
Reading the table:
  OFFSETS    what the books cover: from the first offset to the one before next
  APPLIED    counted; DUPLICATE: copies of counted additions, not counted again; CONFLICT: an id used twice with
             other operands, kept aside; PARKED: could not be read, kept aside (any of them makes the total not
             exact); EXPIRED: copies older than a declared horizon
  LAW        holds when APPLIED + DUPLICATE + CONFLICT + PARKED + EXPIRED is the number of offsets
  LAG        records in the log that are not read yet; lag does not make a total less exact

With --from-log: exact, not exact, or incomplete (nothing wrong was found, but something could not be read; code 3).
  UNREAD     offsets whose record is gone or cannot be read, and that have no row: copies, by the books
  It needs the rights to get deployments.apps, create and delete jobs.batch, list pods and get pods/log. The Job is
  deleted an hour after its end, and at once by Ctrl-C.

Examples:
  sumctl verify
  sumctl verify -o json | jq .exact
  sumctl verify --from-log
${exitCodesHelp}`;
