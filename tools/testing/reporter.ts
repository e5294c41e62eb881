import type { TestEvent as RunnerEvent } from 'node:test/reporters';
import type { TestEvent } from './events.ts';

/**
 * A reporter for `node --test-reporter`: prints the events from which the summary is made, one JSON document per line.
 * The text for users comes from the spec reporter of node.
 */
export default async function* report(source: AsyncIterable<RunnerEvent>): AsyncGenerator<string> {
  for await (const event of source) {
    const line = toTestEvent(event);
    if (line) yield `${JSON.stringify(line)}\n`;
  }
}

function toTestEvent(event: RunnerEvent): TestEvent | undefined {
  switch (event.type) {
    case 'test:dequeue': {
      const { testId, parentId = 0, name } = event.data;
      return { type: 'start', id: testId, parent: parentId, name };
    }
    case 'test:pass':
    case 'test:fail': {
      const { name, testId, details, skip, todo } = event.data;
      const error = event.type === 'test:fail' ? event.data.details.error : undefined;
      return {
        type: event.type === 'test:pass' ? 'pass' : 'fail',
        id: testId,
        name,
        isSuite: details.type === 'suite',
        durationMs: details.duration_ms,
        ...(skip === undefined || skip === false ? {} : { skip: skip === true ? '' : skip }),
        ...(todo === undefined || todo === false ? {} : { todo: todo === true ? '' : todo }),
        ...(error && 'failureType' in error ? { failureType: String(error.failureType) } : {}),
      };
    }
    default:
      return undefined;
  }
}
