import { printable } from './output/table.ts';

/** Exit codes of sumctl: the same for every verb, and shown in its help. */
export const exitCodes = {
  /** Done. For `verify` and `status` also: exact. */
  ok: 0,
  /** The result is negative: rejected, conflict, not found, not exact, not valid. */
  failed: 1,
  /** The command line is wrong. Nothing was tried. */
  usage: 2,
  /** No response: the cluster, the pipeline or a pod could not be reached, or the outcome is unknown. */
  unreachable: 3,
  /** The time ran out before the requested positions were applied. */
  notYet: 4,
  /** The work is done, but its result could not be written to standard output. */
  outputLost: 5,
  /** Ctrl-C or SIGTERM. */
  interrupted: 130,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

export const exitCodesHelp = `
Exit codes:
  0    done (verify and status: exact)
  1    the result is negative: rejected, conflict, not found, not exact, not valid
  2    the command line is wrong; nothing was done
  3    no response: the cluster or the pipeline cannot be reached, or the outcome is unknown
  4    the time ran out before the requested positions were applied
  5    done, but the result could not be written to standard output; standard error says what was done
  130  interrupted by Ctrl-C`;

/** An error that ends a command and is printed for the user: what happened, and what to do next. */
export class CliError extends Error {
  readonly exitCode: ExitCode;
  /** What to do next: whole sentences or commands, one per line. */
  readonly hint: string | undefined;

  constructor(exitCode: ExitCode, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'CliError';
    this.exitCode = exitCode;
    this.hint = options.hint;
  }
}

export function usageError(message: string, hint?: string): CliError {
  return new CliError(exitCodes.usage, message, hint === undefined ? {} : { hint });
}

/** Returns the exit code of a failed command, and what it prints last on standard error. */
export function describeFailure(error: unknown): { exitCode: ExitCode; text: string } {
  if (error instanceof CliError) {
    const hint = error.hint === undefined ? '' : `\n${error.hint}`;
    return { exitCode: error.exitCode, text: `error: ${printableLines(error.message)}${printableLines(hint)}\n` };
  }
  if (error instanceof SuppressedError) {
    // Both the command and its clean-up failed: print both errors. The error of the command decides the exit code.
    const [first, second] = [describeFailure(error.suppressed), describeFailure(error.error)];
    return { exitCode: first.exitCode, text: `${first.text}${second.text}` };
  }
  // Every other error is a bug in this program. Print the chain of causes for the bug report.
  return { exitCode: exitCodes.failed, text: `error: ${printableLines(describeChain(error))}\n` };
}

/** Escapes control characters in each line: messages quote series and responses of services. */
function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n');
}

/** Joins the messages of an error and its causes: `what failed: because of this: because of that`. */
export function describeChain(error: unknown): string {
  if (error instanceof SuppressedError) {
    return `${describeChain(error.suppressed)}; then ${describeChain(error.error)}`;
  }
  const parts: string[] = [];
  for (let at = error; at !== undefined && parts.length < 8; at = at instanceof Error ? at.cause : undefined) {
    const text = at instanceof Error ? at.message || (codeOf(at) ?? at.name) : String(at);
    if (text !== '' && !parts.includes(text)) parts.push(text);
  }
  return parts.join(': ');
}

/** Returns the code of an error, such as `ECONNREFUSED` or `UND_ERR_SOCKET`. Undefined if the error has no code. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
