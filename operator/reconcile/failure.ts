import { type ErrorCause, isKubernetesError, type KubernetesError } from '#kube/client/errors.ts';
import type { ReconcileResult } from '#kube/control/controller.ts';
import { StalledError, WaitingError } from '#kube/control/outcome.ts';
import type { Issue } from '#operator/status/issue.ts';

/** An issue with the error that it came from, for the log. */
export interface Failure extends Issue {
  readonly cause: unknown;
}

/**
 * The one place where an error gets its kind. An error that did not come from the API server (a lost leadership, an
 * aborted pass, a bug) is rethrown: it says nothing about the pipeline.
 */
export function toFailure(error: unknown): Failure {
  if (error instanceof StalledError) return failure('stalled', error.reason, error.message, error);
  if (error instanceof WaitingError) return failure('waiting', error.reason, error.message, error);
  if (!isKubernetesError(error)) throw error;
  switch (error.class) {
    case 'invalid':
    case 'terminal':
      return failure('stalled', 'Rejected', describeRejection(error), error);
    case 'forbidden':
      return ofForbidden(error);
    case 'conflict':
    case 'alreadyExists':
    case 'notFound':
    case 'gone':
      // Another client wrote in between; the next pass reads the new state.
      return failure('retry', 'Conflict', error.message, error);
    case 'tooManyRequests':
    case 'transient':
      return failure('retry', 'ApiUnavailable', error.message, error);
    default:
      throw error.class satisfies never;
  }
}

/**
 * How a pass with failures ends. A failure that a retry may fix is thrown, and the runtime retries with backoff. A
 * failure that only a user can fix is checked again after a while, because no event shows when a foreign object is
 * deleted or a missing permission is granted. Such a failure is not thrown: the status already reports it, and a log
 * line for each pass would hide the other lines.
 */
export function endPass(failures: readonly Failure[]): ReconcileResult {
  // First, because a retry has the shortest wait.
  const again = failures.find(({ kind }) => kind === 'retry');
  if (again !== undefined) throw again.cause;
  return failures.some(({ kind }) => kind === 'stalled') ? { requeueAfterMs: stalledRecheckMs } : {};
}

/** After a user has removed a foreign object, the operator notices within a minute. */
const stalledRecheckMs = 60_000;

function ofForbidden(error: KubernetesError): Failure {
  if (error.causes.some(({ reason }) => reason === 'NamespaceTerminating')) {
    return failure('waiting', 'NamespaceTerminating', error.serverMessage, error);
  }
  const cure = 'Grant the missing permission or raise the quota; the operator retries';
  return failure('retry', 'Forbidden', `${error.serverMessage}. ${cure}`, error);
}

/** `Deployment team/orders-calculator was refused: spec.template.spec.containers[0].image: Required value`. */
function describeRejection(error: KubernetesError): string {
  const { kind, namespace, name } = error.request;
  const fields = error.causes.map(describeCause).filter((text) => text !== '');
  const what = fields.length === 0 ? error.serverMessage : fields.join('; ');
  return `${kind} ${namespace}/${name} was refused by the API server: ${what}`;
}

function describeCause({ field, message }: ErrorCause): string {
  return [field, message].filter((part) => part !== undefined && part !== '').join(': ');
}

function failure(kind: Issue['kind'], reason: string, message: string, cause: unknown): Failure {
  return { kind, reason, message, cause };
}
