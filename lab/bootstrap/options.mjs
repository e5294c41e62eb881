/**
 * Returns the value of an option as commander reads it: `--output json`, `--output=json`, `-o json`, `-ojson`. If the
 * option is given several times, the last value counts. Undefined if the option is missing.
 *
 * @param {readonly string[]} args
 * @param {string} long
 * @param {string} [short]
 * @returns {string | undefined}
 */
export function readOption(args, long, short) {
  let value;
  for (const [index, arg] of args.entries()) {
    if (arg === '--') break;
    if (arg === `--${long}` || arg === `-${short}`) value = args[index + 1];
    else if (arg.startsWith(`--${long}=`)) value = arg.slice(long.length + 3);
    else if (short !== undefined && arg.startsWith(`-${short}`)) value = arg.slice(2);
  }
  return value;
}
