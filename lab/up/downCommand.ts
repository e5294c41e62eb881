import { Command, Option } from 'commander';
import { z } from 'zod';
import type { Context } from '#cli/context.ts';
import { exitCodesHelp } from '#cli/exit.ts';
import { parseOptions } from '#cli/options.ts';
import { down } from './down.ts';

/** `npm run down`. */
export function downCommand(context: Context): Command {
  const command = new Command('npm run down --')
    .description(
      `End the npm start that runs on this machine, as its Ctrl-C would, and remove what a killed one left behind. What Kafka and PostgreSQL hold is kept for the next start.`,
    )
    .helpOption('-h, --help', 'show help')
    .addOption(new Option('--data', 'remove what Kafka and PostgreSQL hold as well'));
  return command.addHelpText('after', help).action(async () => {
    const { data } = parseOptions(z.object({ data: z.boolean().default(false) }), command);
    await down({ data }, context);
  });
}

const help = `
Examples:
  npm run down
  npm run down -- --data      # and forget all additions
${exitCodesHelp}`;
