import { type Command, Option } from 'commander';
import { stringify } from 'yaml';
import { z } from 'zod';

const outputFormats = ['table', 'json', 'yaml'] as const;
export type OutputFormat = (typeof outputFormats)[number];

export const outputFormatSchema = z.enum(outputFormats);

export function addOutputOption(command: Command): Command {
  return command.addOption(new Option('-o, --output <format>', 'how to print').choices(outputFormats).default('table'));
}

/** Renders one document, which ends with a newline. Field names are those of the API (lowerCamelCase). */
export function renderStructured(format: 'json' | 'yaml', document: unknown): string {
  return format === 'json' ? `${JSON.stringify(document, null, 2)}\n` : stringify(document, { lineWidth: 0 });
}

/**
 * Writes `{"<key>": [...]}` item by item, so that the whole list is never in memory. Call `item` for each item, then
 * `end` once.
 */
export function createListWriter(options: {
  readonly format: 'json' | 'yaml';
  readonly key: string;
  readonly write: (text: string) => unknown;
}): { item(value: unknown): void; end(): void } {
  const { format, key, write } = options;
  let isFirst = true;
  return {
    item(value) {
      if (format === 'json') {
        write(`${isFirst ? `{\n  "${key}": [` : ','}\n    ${JSON.stringify(value)}`);
      } else {
        write(`${isFirst ? `${key}:\n` : ''}${stringify([value], { lineWidth: 0 }).replace(/^/gm, '  ').trimEnd()}\n`);
      }
      isFirst = false;
    },
    end() {
      if (format === 'json') write(isFirst ? `{\n  "${key}": []\n}\n` : '\n  ]\n}\n');
      else if (isFirst) write(`${key}: []\n`);
    },
  };
}
