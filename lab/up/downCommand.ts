import { Command, Option } from 'commander';
import { z } from 'zod';
import type { Context } from '#cli/context.ts';
import { exitCodesHelp } from '#cli/exit.ts';
import { parseOptions } from '#cli/options.ts';
import { down } from './down.ts';

/** Builds the command `npm run down`. */
export function downCommand(context: Context): Command {
  const command = new Command('npm run down --')
    .description(
      `Stop the "npm start" that is running on this machine, as Ctrl-C would. Also remove what a killed "npm start" left behind. The data of Kafka and PostgreSQL is kept for the next run.`,
    )
    .helpOption('-h, --help', 'show help')
    .addOption(new Option('--data', 'also remove the data of Kafka and PostgreSQL'));
  return command.addHelpText('after', help).action(async () => {
    const { data } = parseOptions(z.object({ data: z.boolean().default(false) }), command);
    await down({ data }, context);
  });
}

const help = `
Examples:
  npm run down
  npm run down -- --data      # also remove all additions
${exitCodesHelp}`;
