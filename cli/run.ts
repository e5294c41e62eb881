import { CommanderError } from 'commander';
import type { Context } from './context.ts';
import { CliError, describeChain, describeFailure, exitCodes } from './exit.ts';
import { brokenOutput } from './output/sink.ts';
import { buildProgram } from './program.ts';
import { isOnce, renderFailedOnce } from './verbs/up.ts';

/** Runs one command line (without `node sumctl`) and answers its exit code. Never throws. */
export async function runProgram(
  args: readonly string[],
  context: Omit<Context, 'setExitCode'>,
  version: string,
): Promise<number> {
  const exitCode = await runVerb(args, context, version);
  const isAnswer = exitCode === exitCodes.ok || exitCode === exitCodes.interrupted;
  // A check that passes or does not: why it did not stands in its document and on standard error.
  return isOnce(args) && !isAnswer ? exitCodes.failed : exitCode;
}

async function runVerb(
  args: readonly string[],
  context: Omit<Context, 'setExitCode'>,
  version: string,
): Promise<number> {
  let exitCode: number = exitCodes.ok;
  const program = buildProgram({ ...context, setExitCode: (code) => (exitCode = code) }, version);
  try {
    await program.parseAsync(args, { from: 'user' });
    await context.stdout.flush?.();
    return exitCode;
  } catch (error) {
    await context.stdout.flush?.().catch(() => {
      // Judged below, by what it means for this error.
    });
    const { failure: broken } = context.stdout;
    if (broken !== undefined && !(error instanceof CliError)) {
      const { exitCode: code, text } = brokenOutput(broken);
      context.stderr.write(text);
      return code;
    }
    const isFailure = !(error instanceof CommanderError && error.exitCode === 0);
    const document = isFailure ? renderFailedOnce(args, describeChain(error), new Date()) : undefined;
    if (document !== undefined) context.stdout.write(document);
    if (error instanceof CommanderError) {
      // Help and version are answers; commander has printed everything already.
      return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    }
    // Whatever broke because of it: what a person wants to read is that they ended it.
    if (context.signal.aborted && !(error instanceof CliError)) {
      context.stderr.write('interrupted\n');
      return exitCodes.interrupted;
    }
    const failure = describeFailure(error);
    context.stderr.write(failure.text);
    return failure.exitCode;
  }
}
