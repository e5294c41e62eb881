/**
 * The entry of `npm start`, `npm test` and `npm run gen`, `verify` and `cluster`. It checks the tools, installs what
 * it can, and starts Node 24. It is plain JavaScript that Node 18 can run, because nothing is installed yet. All its
 * messages go to standard error: standard output belongs to the program that it starts.
 */
import { installSystemPackages } from './bootstrap/apt.mjs';
import { BootstrapError, failureDocument } from './bootstrap/failure.mjs';
import { findMissingTools } from './bootstrap/look.mjs';
import { installNodeModules } from './bootstrap/nodeModules.mjs';
import { programs, requirementsOf } from './bootstrap/programs.mjs';
import { runProgram } from './bootstrap/run.mjs';
import { describeMissing } from './bootstrap/tools.mjs';

const [command = '', ...args] = process.argv.slice(2);
const program = programs[command];
const say = (text) => console.error(text);

try {
  if (!program)
    throw new BootstrapError(`unknown command "${command}"; the commands are ${Object.keys(programs).join(', ')}`);
  const requirements = requirementsOf(command, args);
  const missing = await findMissingTools(requirements.tools, process.env);
  if (missing.length > 0) throw new BootstrapError(describeMissing(missing));
  if (requirements.needsSystemPackages) await installSystemPackages({ env: process.env, say });
  await installNodeModules({ env: process.env, say });
  process.exitCode = await runProgram({ script: program.script, args: [...program.args, ...args], env: process.env });
} catch (error) {
  if (!(error instanceof BootstrapError)) throw error;
  say(error.message);
  const document = failureDocument(command, args, error.message, new Date());
  if (document !== undefined) console.log(document);
  process.exitCode = 1;
}
