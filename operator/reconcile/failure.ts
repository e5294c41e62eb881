import { type ErrorCause, isKubernetesError, type KubernetesError } from '#kube/client/errors.ts';
import type { ReconcileResult } from '#kube/control/controller.ts';
import { StalledError, WaitingError } from '#kube/control/outcome.ts';
import type { Issue } from '#operator/status/issue.ts';

/** An issue, and the error from which it came. */
export interface Failure extends Issue {
  readonly cause: unknown;
}

/**
 * Converts an error to a failure. Only this function decides the kind of a failure. It rethrows an error that does not
 * come from the API server, such as lost leadership, an aborted pass or a bug: that error says nothing about the
 * pipeline.
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
      // Another client wrote after this pass read the state. The next pass reads the new state.
      return failure('retry', 'Conflict', error.message, error);
    case 'tooManyRequests':
    case 'transient':
      return failure('retry', 'ApiUnavailable', error.message, error);
    default:
      throw error.class satisfies never;
  }
}

/**
 * Decides how a pass with failures ends. A failure that a retry may fix is thrown, so that the controller retries with
 * backoff. A failure that only a user can fix is not thrown: the status reports it, and a log line in each pass would
 * hide other log lines. In this case the next pass comes after a minute, because no watch shows that a foreign object
 * was deleted.
 */
export function endPass(failures: readonly Failure[]): ReconcileResult {
  // Check for `retry` first, because it has the shortest wait.
  const again = failures.find(({ kind }) => kind === 'retry');
  if (again !== undefined) throw again.cause;
  return failures.some(({ kind }) => kind === 'stalled') ? { requeueAfterMs: stalledRecheckMs } : {};
}

/** Time between passes over a stalled pipeline, so that the operator sees within a minute that a user fixed it. */
const stalledRecheckMs = 60_000;

function ofForbidden(error: KubernetesError): Failure {
  if (error.causes.some(({ reason }) => reason === 'NamespaceTerminating')) {
    return failure('waiting', 'NamespaceTerminating', error.serverMessage, error);
  }
  const cure = 'Grant the missing permission or raise the quota; the operator retries';
  return failure('retry', 'Forbidden', `${error.serverMessage}. ${cure}`, error);
}

/** Returns `Deployment shop/orders was refused by the API server: spec.template.spec...: Required value`. */
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
