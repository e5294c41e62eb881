import type { Health } from '#contract/verdict.ts';
import { SecretFileError } from '#platform/secretFile.ts';
import { LogReplacedError, LogUnavailableError, TopicConflictError } from '#services/eventlog/port.ts';
import { StoreIdentityError, StoreUnavailableError } from '#services/ledger/port.ts';

export function healthy(message: string): Health {
  return { ok: true, reason: 'Connected', message };
}

/** Returns a failure as conditions show it: a reason in one word, and a message that says what to do. */
export function healthOf(error: unknown): Health {
  const message = error instanceof Error ? error.message : String(error);
  return { ok: false, reason: reasonOf(error), message };
}

function reasonOf(error: unknown): string {
  if (error instanceof StoreIdentityError || error instanceof StoreUnavailableError) return error.reason;
  if (error instanceof LogUnavailableError) return error.reason;
  if (error instanceof LogReplacedError) return 'LogChanged';
  if (error instanceof TopicConflictError) return 'TopicConflict';
  if (error instanceof SecretFileError) return 'SecretMissing';
  return 'Failed';
}
