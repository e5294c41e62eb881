import { CliError, codeOf, exitCodes } from '#cli/exit.ts';

/** Loads what needs tools/. The image does not hold them: it is where the pods run, not where clusters are made. */
export async function withTools<Module>(load: () => Promise<Module>): Promise<Module> {
  try {
    return await load();
  } catch (error) {
    const isMissing = codeOf(error) === 'ERR_MODULE_NOT_FOUND' && error instanceof Error && /tools/.test(error.message);
    if (!isMissing) throw error;
    throw new CliError(exitCodes.failed, 'this sumctl cannot make clusters: it comes without tools/', {
      hint: 'Run it from the repository: npm start',
      cause: error,
    });
  }
}
