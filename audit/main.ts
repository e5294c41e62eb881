import { parseArgs } from 'node:util';
import { aggregatorEnvironment } from '#contract/config.ts';
import { parseEnvironment } from '#platform/environment.ts';
import { untilSignal } from '#platform/signals.ts';
import { parseTo } from './arguments.ts';
import type { Progress } from './audit.ts';
import { formatProgress, throttled } from './progress.ts';
import { verdictExitCodes } from './result.ts';
import { runAudit } from './run.ts';

const [usage, noAnswer, interrupted] = [2, 3, 130];

/**
 * Reads the log again and compares it with PostgreSQL. It uses the environment of an aggregator's pod. Progress goes to
 * standard error, one line every few seconds. The only line on standard output is the result, as JSON.
 */
export async function main(): Promise<void> {
  // The audit is pid 1 in its container, and pid 1 ignores SIGTERM without a handler. It writes nothing, so it can
  // exit.
  untilSignal().then(
    () => process.exit(interrupted),
    () => {},
  );
  const parsed = parseTo(readTo());
  if (!parsed.ok) {
    console.error(`--to ${parsed.problem}`);
    process.exit(usage);
  }
  const config = parseEnvironment(aggregatorEnvironment, process.env);
  try {
    const onProgress = throttled<Progress>(
      (progress) => console.error(formatProgress(progress)),
      () => performance.now(),
    );
    const onWait = throttled<unknown>(
      (error) => console.error(`${describe(error)}; retrying`),
      () => performance.now(),
    );
    const result = await runAudit({ config, to: parsed.to, onProgress, onWait });
    console.log(JSON.stringify(result));
    process.exitCode = verdictExitCodes[result.verdict];
  } catch (error) {
    console.error(`error: ${describe(error)}`);
    process.exitCode = noAnswer;
  }
}

function readTo(): string {
  try {
    return parseArgs({ options: { to: { type: 'string' } }, strict: true }).values.to ?? '';
  } catch (error) {
    console.error(`usage: sumpipeline audit [--to PARTITION:OFFSET,...]\n${describe(error)}`);
    return process.exit(usage);
  }
}

/** Returns the messages of an error and of its causes. Stack and values are left out: they could contain secrets. */
function describe(error: unknown): string {
  const parts: string[] = [];
  for (let at = error; at instanceof Error && parts.length < 5; at = at.cause) {
    if (!parts.includes(at.message)) parts.push(at.message);
  }
  return parts.length === 0 ? String(error) : parts.join(': ');
}
