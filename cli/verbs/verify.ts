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
      `Prove the totals. Per partition: every record of the log from the first to the next offset has exactly one disposition. Per series: the sum over the ledger equals the total. The ledger is summed now, which reads all of it. With --from-log a Job beside the pipeline reads the log itself again, from its first record, and compares it with the ledger record by record. The Job shares no code with the pipeline.`,
    )
    .addOption(new Option('--no-recount', 'use the last recount; do not sum the ledger now'))
    .addOption(new Option('--from-log', 'read the log again in a Job and compare it with the ledger'))
    .addOption(
      new Option(
        '--to <positions>',
        'with --from-log: compare the records up to and including these positions, such as 0:41,3:7 (default: all counted records)',
      ),
    );
  addOutputOption(command);
  addConnectionOptions(command, 'aggregator');
  return command.addHelpText('after', help).action(async () => {
    const { recount, fromLog, to, output } = parseOptions(optionsSchema, command);
    const connection = readConnectionOptions(command, 'aggregator');
    if (fromLog) {
      if (!recount) throw usageError('--no-recount has no effect with --from-log: leave out one of them');
      // The client library takes up to half a second to load, so only --from-log loads it.
      const { verifyFromLog } = await import('#cli/audit/verifyFromLog.ts');
      return verifyFromLog({ connection, to: to ?? '', output, context });
    }
    if (to !== undefined) throw usageError('--to needs --from-log: add --from-log or leave out --to');
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
  OFFSETS    the offsets that the ledger covers, from the first counted offset to the last
  APPLIED    additions that were counted
  DUPLICATE  copies of counted additions; a copy is not counted again
  CONFLICT   records with the id of a counted addition and other operands; they are kept aside
  PARKED     records that could not be read; they are kept aside, and the total is not exact
  EXPIRED    copies older than a declared horizon
  LAW        the conservation law: holds when APPLIED + DUPLICATE + CONFLICT + PARKED + EXPIRED is the number of offsets
  LAG        records in the log that are not counted yet; a total can be exact despite lag

With --from-log: exact, not exact, or incomplete (nothing wrong was found, but something could not be read; code 3).
  UNREAD     offsets without a ledger row, whose record was deleted or cannot be read; the ledger counts them as copies
  The command needs the permissions to get deployments.apps, create and delete jobs.batch, list pods and get pods/log.
  The Job is deleted an hour after its end. Ctrl-C deletes it immediately.

Examples:
  sumctl verify
  sumctl verify -o json | jq .exact
  sumctl verify --from-log
${exitCodesHelp}`;
