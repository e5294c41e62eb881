import { type Command, CommanderError } from 'commander';

/**
 * Runs a command line and ends the process: 2 for wrong usage, 1 after a failure, otherwise `process.exitCode` or 0.
 */
export async function runProgram(program: Command): Promise<never> {
  try {
    await program.parseAsync();
  } catch (error) {
    // Commander has already printed the error, and ends a request for help with 0.
    if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
    else {
      console.error(error instanceof Error ? error.message : error);
      process.exitCode = 1;
    }
  }
  // Open handles must not keep the process running.
  process.exit();
}
