import { Command } from 'commander';
import type { Context } from './context.ts';
import { exitCodesHelp, usageError } from './exit.ts';

type BuildVerb = (context: Context, version: string) => Promise<Command>;

/**
 * The function that builds each verb, by the name of the verb. It imports the code of only this verb, because loading
 * all verbs takes half a second.
 */
const buildVerbs: Readonly<Record<string, BuildVerb>> = {
  add: async (context) => (await import('./verbs/add.ts')).addCommand(context),
  total: async (context) => (await import('./verbs/total.ts')).totalCommand(context),
  status: async (context) => (await import('./verbs/status.ts')).statusCommand(context),
  verify: async (context) => (await import('./verbs/verify.ts')).verifyCommand(context),
  validate: async (context) => (await import('./verbs/validate.ts')).validateCommand(context),
  render: async (context, version) => (await import('./verbs/render.ts')).renderCommand(context, version),
};

export interface ProgramOptions {
  readonly version: string;
  /** The command line. Its first word names the verb to load. Without a verb all verbs are loaded, for the help. */
  readonly args: readonly string[];
}

/** Builds sumctl for one command line. Throws usage errors: `runCommandLine` turns them into an exit code. */
export async function buildProgram(context: Context, { version, args }: ProgramOptions): Promise<Command> {
  const program = new Command('sumctl')
    .description('Add numbers to a SumPipeline, read its exact totals and their proof, and check pipeline files.')
    .version(version, '--version', 'print the version')
    .helpOption('-h, --help', 'show help')
    .helpCommand(false) // the help command of commander prints nothing for an unknown verb
    .addHelpText('after', overviewHelp);
  const named = Object.entries(buildVerbs).filter(([name]) => name === args[0]);
  const isVersion = args[0] === '--version';
  const wanted = named.length > 0 || isVersion ? named : Object.entries(buildVerbs);
  const verbs = await Promise.all(wanted.map(([, build]) => build(context, version)));
  for (const verb of verbs) program.addCommand(verb.helpOption('-h, --help', 'show help'));
  program.addCommand(helpCommand(program, verbs));
  for (const command of [program, ...program.commands]) {
    bindOutput(command, context).showHelpAfterError(
      `Run "${command === program ? 'sumctl' : `sumctl ${command.name()}`} --help" for help.`,
    );
  }
  return program;
}

/** Makes a command print to the context and throw usage errors. */
export function bindOutput(command: Command, context: Context): Command {
  return command.exitOverride().configureOutput({
    writeOut: (text) => context.stdout.write(text),
    writeErr: (text) => context.stderr.write(text),
    // A fixed width makes the text the same on a terminal and in a pipe.
    getOutHelpWidth: () => helpWidth,
    getErrHelpWidth: () => helpWidth,
    getOutHasColors: () => false,
    getErrHasColors: () => false,
  });
}

function helpCommand(program: Command, verbs: readonly Command[]): Command {
  const command = new Command('help').description('show help for a verb').argument('[verb]', 'its name');
  return command.helpOption(false).action((name: string | undefined) => {
    const found = name === undefined ? program : verbs.find((verb) => verb.name() === name);
    if (found !== undefined) return found.outputHelp();
    const names = verbs.map((verb) => verb.name()).join(', ');
    throw usageError(`there is no verb "${name}"`, `The verbs are ${names}.`);
  });
}

const helpWidth = 110;

const overviewHelp = `
A first session:
  sumctl add 1.10 2
  sumctl add --file additions.csv
  sumctl total
  sumctl verify

To run a whole system on this machine, without Docker: npm start, in the repository.

A pipeline is reached through the Kubernetes API server, as kubectl would; no port has to be open. Results go to
standard output, everything else to standard error, so that -o json can be piped.
${exitCodesHelp}`;
