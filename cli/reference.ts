import { Readable } from 'node:stream';
import type { Command } from 'commander';
import type { Context } from './context.ts';
import { buildProgram } from './program.ts';

/** Renders the page docs/reference/sumctl.md: the help of every verb, word for word. */
export async function renderReference(): Promise<string> {
  // No release number: the page changes only when the help changes.
  const program = await buildProgram(nowhere, { version: 'VERSION', args: [] });
  const verbs = program.commands.filter((command) => command.name() !== 'help');
  return [
    '<!-- Generated from the help of sumctl by `npm run gen`. Do not edit. -->',
    '# sumctl',
    '',
    'The command line tool of SumPipeline. In the repository: `npx sumctl`; in the image: `sumpipeline sumctl`.',
    '',
    renderHelp(program),
    ...verbs.map((verb) => `## sumctl ${verb.name()}\n\n${renderHelp(verb)}`),
  ].join('\n');
}

function renderHelp(command: Command): string {
  let text = '';
  command.configureOutput({ writeOut: (more) => (text += more) });
  command.outputHelp();
  return `\`\`\`text\n${text.trimEnd()}\n\`\`\`\n`;
}

/** A context that does nothing. Printing the help needs only its outputs. */
const nowhere: Context = {
  stdout: { write() {} },
  stderr: { write() {} },
  stdin: Readable.from([]),
  signal: new AbortController().signal,
  now: () => 0,
  random: () => 0,
  newRequestId: () => '',
  setExitCode() {},
};
