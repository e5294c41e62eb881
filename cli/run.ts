import { type Command, CommanderError } from 'commander';
import type { Context } from './context.ts';
import { CliError, describeChain, describeFailure, exitCodes } from './exit.ts';
import { brokenOutput } from './output/sink.ts';

interface CommandLine {
  readonly build: (context: Context) => Command | Promise<Command>;
  /** The arguments, without the interpreter and the script. */
  readonly args: readonly string[];
  readonly context: Omit<Context, 'setExitCode'>;
  /** Returns text for standard output when the command failed, for callers that always expect a document. */
  readonly renderFailure?: (message: string) => string | undefined;
}

/** Runs one command line and returns its exit code. Never throws. */
export async function runCommandLine({ build, args, context, renderFailure }: CommandLine): Promise<number> {
  let exitCode: number = exitCodes.ok;
  try {
    const program = await build({ ...context, setExitCode: (code) => (exitCode = code) });
    await program.parseAsync(args, { from: 'user' });
    await context.stdout.flush?.();
    return exitCode;
  } catch (error) {
    await context.stdout.flush?.().catch(() => {
      // The failure of standard output is reported below, together with this error.
    });
    const { failure: broken } = context.stdout;
    if (broken !== undefined && !(error instanceof CliError)) {
      const { exitCode: code, text } = brokenOutput(broken);
      context.stderr.write(text);
      return code;
    }
    const isFailure = !(error instanceof CommanderError && error.exitCode === 0);
    const document = isFailure ? renderFailure?.(describeChain(error)) : undefined;
    if (document !== undefined) context.stdout.write(document);
    if (error instanceof CommanderError) {
      // Commander has already printed help or version, which are results.
      return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    }
    // Other errors are often the effect of the interruption, so only the interruption is reported.
    if (context.signal.aborted && !(error instanceof CliError)) {
      context.stderr.write('interrupted\n');
      return exitCodes.interrupted;
    }
    const failure = describeFailure(error);
    context.stderr.write(failure.text);
    return failure.exitCode;
  }
}
