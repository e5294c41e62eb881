import { readOption } from './options.mjs';

/** An error that the user must fix. Only its message is printed. */
export class BootstrapError extends Error {}

/**
 * Returns the text for standard output when the bootstrap fails before the program starts. `npm start -- --once -o
 * json` promises one JSON document, also on failure. The document has the shape of lab/up/document.ts. Returns
 * undefined for every other command line.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {string} message
 * @param {Date} now
 * @returns {string | undefined}
 */
export function failureDocument(command, args, message, now) {
  if (command !== 'up' || !args.includes('--once') || readOption(args, 'output', 'o') !== 'json') return undefined;
  const proof = { exact: false, reason: 'NotStarted', message, partitions: [], at: now.toISOString() };
  return JSON.stringify({ totals: [], proof, error: message });
}
