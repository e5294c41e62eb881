import { type Command, CommanderError } from 'commander';

/** Runs a command line and ends the process: 2 when it was used wrongly, 1 when it failed, else `process.exitCode` or 0. */
export async function runProgram(program: Command): Promise<never> {
  try {
    await program.parseAsync();
  } catch (error) {
    // Commander has said it already, and ends a plain request for help with 0.
    if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
    else {
      console.error(error instanceof Error ? error.message : error);
      process.exitCode = 1;
    }
  }
  // Whatever a look at the machine left open must not keep a person waiting.
  process.exit();
}
