import { Command, Option } from 'commander';
import { z } from 'zod';
import { getProof } from '#cli/api/aggregator.ts';
import { addConnectionOptions, readConnectionOptions } from '#cli/connection/options.ts';
import type { Context } from '#cli/context.ts';
import { exitCodes, exitCodesHelp } from '#cli/exit.ts';
import { parseOptions } from '#cli/options.ts';
import { findDoubt, proofJson, renderProof } from '#cli/output/proof.ts';
import { addOutputOption, outputFormatSchema, renderStructured } from '#cli/output/structured.ts';
import { withAggregator } from './read.ts';

export function verifyCommand(context: Context): Command {
  const command = new Command('verify')
    .summary('prove that every addition was counted once')
    .description(
      `Prove the totals: per partition every record of the log from the first to the next has exactly one disposition, and per series the sum over the ledger equals the total. The ledger is summed now; that reads all of it.`,
    )
    .addOption(new Option('--no-recount', 'use the last recount instead of summing the ledger now'));
  addOutputOption(command);
  addConnectionOptions(command, 'aggregator');
  return command.addHelpText('after', help).action(async () => {
    const { recount, output } = parseOptions(optionsSchema, command);
    const proof = await withAggregator(readConnectionOptions(command, 'aggregator'), context, (reader) =>
      reader.read((aggregator) => getProof(aggregator, { recount, signal: context.signal })),
    );
    context.stdout.write(output === 'table' ? renderProof(proof) : renderStructured(output, proofJson(proof)));
    if (findDoubt(proof) !== undefined) context.setExitCode(exitCodes.failed);
  });
}

const optionsSchema = z.object({ recount: z.boolean(), output: outputFormatSchema });

const help = `
Reading the table:
  OFFSETS    what the books cover: from the first offset to the one before next
  APPLIED    counted; DUPLICATE: copies of counted additions, not counted again; CONFLICT: an id used twice with
             other operands, kept aside; PARKED: could not be read, kept aside (any of them makes the total not
             exact); EXPIRED: copies older than a declared horizon
  LAW        holds when APPLIED + DUPLICATE + CONFLICT + PARKED + EXPIRED is the number of offsets
  LAG        records in the log that are not read yet; lag does not make a total less exact

Examples:
  sumctl verify
  sumctl verify -o json | jq .exact
${exitCodesHelp}`;
