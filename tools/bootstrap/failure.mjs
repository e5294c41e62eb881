/** Something a person must put right; its message is the whole output. */
export class BootstrapError extends Error {}

/**
 * What standard output holds when we fail before the program could write its own result: `npm start -- --once -o json`
 * promises one JSON document, also on failure. Undefined for every other call.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {string} message
 * @param {Date} now
 * @returns {string | undefined}
 */
export function failureDocument(command, args, message, now) {
  if (command !== 'up' || !args.includes('--once') || readOutputFormat(args) !== 'json') return undefined;
  const proof = { exact: false, reason: 'NotStarted', message, partitions: [], at: now.toISOString() };
  return JSON.stringify({ totals: [], proof });
}

/** @param {readonly string[]} args */
function readOutputFormat(args) {
  for (const [index, arg] of args.entries()) {
    if (arg === '-o' || arg === '--output') return args[index + 1];
    const joined = /^(?:-o=?|--output=)(.+)$/.exec(arg);
    if (joined) return joined[1];
  }
  return undefined;
}
