import { Command, Option } from 'commander';
import { z } from 'zod';
import type { Context } from '#cli/context.ts';
import { exitCodesHelp } from '#cli/exit.ts';
import { parseOptions } from '#cli/options.ts';
import { withTools } from './withTools.ts';

export function downCommand(context: Context): Command {
  const command = new Command('down')
    .summary('end what up started on this machine, or left behind')
    .description(
      `End the sumctl up (npm start) that runs on this machine, as its Ctrl-C would, and remove what a killed one left behind. What Kafka and PostgreSQL hold stays for the next start.`,
    )
    .addOption(new Option('--data', 'remove what Kafka and PostgreSQL hold as well'));
  return command.addHelpText('after', help).action(async () => {
    const { data } = parseOptions(z.object({ data: z.boolean().default(false) }), command);
    const { down } = await withTools(() => import('#lab/up/down.ts'));
    await down({ data }, context);
  });
}

const help = `
Examples:
  sumctl down
  sumctl down --data      # and forget all additions
${exitCodesHelp}`;
