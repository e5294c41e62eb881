/** `npm run loop`: runs autoscaling on this machine with the real programs, from the load to the pods, and plots it. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { createProgress } from '#lab/progress.ts';
import { runProgram } from '#lab/runProgram.ts';
import { startLab } from './lab.ts';
import { type Played, play } from './play.ts';
import { renderPlot } from './plot.ts';
import { renderReport } from './report.ts';
import type { Scenario } from './scenario.ts';
import { others, scenarios } from './scenarios/all.ts';
import { step } from './scenarios/step.ts';

interface Options {
  readonly only?: Scenario[];
  readonly keda?: true;
  readonly out: string;
}

const root = join(import.meta.dirname, '..', '..');
const listOf = (some: readonly Scenario[]) =>
  some.map(({ name, purpose }) => `  ${name.padEnd(10)} ${purpose}`).join('\n');

const program = new Command('npm run loop --')
  .description('Scale a pipeline on Kafka lag in a local cluster, under load, and check each scaling step.')
  .option('--only <name...>', 'run only these scenarios', collect)
  .option('--keda', 'scale with KEDA instead of prometheus-adapter; runs "step" unless --only names other scenarios')
  .option('--out <folder>', 'folder for the plots', join(root, 'docs', 'autoscaling'))
  .addHelpText(
    'after',
    `\nScenarios:\n${listOf(scenarios)}

Only when they are named:
${listOf(others)}

Examples:
  npm run loop                              # all of them, in about 90 minutes
  npm run loop -- --only step --only burst  # two of them
  npm run loop -- --keda                    # one step with KEDA, which compiles for minutes the first time`,
  )
  .exitOverride()
  .action(run);

await runProgram(program);

async function run({ only, keda: withKeda, out }: Options): Promise<void> {
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => interrupted.abort(new Error(`Ended by ${signal}.`)));
  }
  const chosen = only ?? (withKeda ? [step] : scenarios);
  const progress = createProgress();
  const played: Played[] = [];
  await using lab = await startLab({
    root,
    scaler: withKeda ? 'KEDA' : 'prometheus-adapter',
    progress,
    command: 'npm run loop',
    signal: interrupted.signal,
  });
  for (const scenario of chosen) {
    progress.note(`\nScenario ${scenario.name}: ${scenario.purpose}`);
    const one = await play(lab, scenario);
    played.push(one);
    await mkdir(out, { recursive: true });
    await writeFile(
      join(out, `${scenario.name}${withKeda ? '-keda' : ''}.svg`),
      renderPlot(scenario.purpose, one.record),
    );
  }
  console.log(renderReport(played));
  if (played.some(({ checks }) => checks.some(({ holds }) => !holds))) process.exitCode = 1;
}

function collect(name: string, before: Scenario[] = []): Scenario[] {
  const all = [...scenarios, ...others];
  const found = all.find((scenario) => scenario.name === name);
  if (found === undefined) throw new InvalidArgumentError(`Choose from ${all.map((one) => one.name).join(', ')}.`);
  return [...before, found];
}
