import { readOption } from './options.mjs';

/** Something a person must put right; its message is the whole output. */
export class BootstrapError extends Error {}

/**
 * What standard output holds when we fail before the program could write its own result: `npm start -- --once -o json`
 * promises one JSON document, also on failure; its shape is that of lab/up/document.ts. Undefined for every other call.
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
