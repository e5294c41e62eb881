import type { Command } from 'commander';
import type { Context } from '#cli/context.ts';
import { exitCodes } from '#cli/exit.ts';
import { bindOutput } from '#cli/program.ts';
import { runCommandLine } from '#cli/run.ts';
import { isOnce, renderFailedOnce, startCommand } from './command.ts';
import { downCommand } from './downCommand.ts';

type Outside = Omit<Context, 'setExitCode'>;

/** Runs `npm start -- ARGS` and returns its exit code. */
export async function runStart(args: readonly string[], context: Outside): Promise<number> {
  const exitCode = await runCommandLine({
    build: prepare(startCommand),
    args,
    context,
    renderFailure: (message) => renderFailedOnce(args, message, new Date()),
  });
  const isAnswer = exitCode === exitCodes.ok || exitCode === exitCodes.interrupted;
  // --once is a check that passes (0) or fails (1). The reason is in its document and on standard error.
  return isOnce(args) && !isAnswer ? exitCodes.failed : exitCode;
}

/** Runs `npm run down -- ARGS` and returns its exit code. */
export async function runDown(args: readonly string[], context: Outside): Promise<number> {
  return await runCommandLine({ build: prepare(downCommand), args, context });
}

function prepare(build: (context: Context) => Command): (context: Context) => Command {
  return (context) => {
    const command = build(context);
    return bindOutput(command, context).showHelpAfterError(`Run "${command.name()} --help" for help.`);
  };
}
