/** `npm run alerts`: provokes each alert for real, and prints how long it took to fire and to end. */
import { join } from 'node:path';
import Table from 'cli-table3';
import { Command, InvalidArgumentError } from 'commander';
import { stateRoot } from '#lab/cache.ts';
import { startLoad } from '#lab/load/directLoad.ts';
import { createProgress } from '#lab/progress.ts';
import { runProgram } from '#lab/runProgram.ts';
import { buildAlertRules } from '#operator/desired/alertRules.ts';
import { startLab } from '#test/loop/lab.ts';
import { startPipeline } from '#test/loop/pipeline.ts';
import { rates } from '#test/loop/scenario.ts';
import { buildOperatorAlerts } from '#tools/gen/operatorAlerts.ts';
import { hasten } from './hasten.ts';
import { openDesk, readRunbook, tryRunbook } from './runbook.ts';
import { leftOut, notProvoked, type Scene, steps, wordsOf } from './steps.ts';
import { watchAlerts } from './watch.ts';

interface Options {
  readonly speed: number;
  readonly from: number;
}

/**
 * Maximum time of a step, in minutes at speed 1: alerts have windows of 30 minutes, and slow work comes before them.
 */
const minutesMax = 120;
/** Minimum time limit of a step at any speed, in seconds: pods need this time to start and to end. */
const secondsMin = 240;

const root = join(import.meta.dirname, '..', '..');

const program = new Command('npm run alerts --')
  .description('Provoke each alert in a local cluster, and print the seconds until it fires and until it ends.')
  .option('--speed <times>', 'run the rules this many times as fast', parsePositive, 10)
  .option('--from <step>', 'begin with this step, counted from 1', parsePositive, 1)
  .addHelpText(
    'after',
    `
Every window and wait of the rules is divided by the speed, and scrapes are more frequent by the same factor. The causes still take their real time.

Examples:
  npm run alerts                  # about 45 minutes
  npm run alerts -- --speed 1     # the rules at their real speed: several hours`,
  )
  .exitOverride()
  .action(run);

await runProgram(program);

async function run({ speed, from }: Options): Promise<void> {
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => interrupted.abort(new Error(`Ended by ${signal}.`)));
  }
  const progress = createProgress();
  const { signal } = interrupted;
  await using lab = await startLab({
    root,
    scaler: 'prometheus-adapter',
    progress,
    command: 'npm run alerts',
    kafkaNodes: 3,
    adapt: (configuration) => hasten(configuration, speed),
    signal,
  });
  await using pipeline = await startPipeline(lab, { namespace: 'alerts', partitions: 12, replicas: 3 });
  await using load = await startLoad(lab.parts, pipeline);
  load.setRate(rates.low);
  const scene: Scene = { lab, pipeline, load };
  const rows = new Map<string, { cause: string; fires?: number; ends?: number }>();
  const missing: string[] = [];
  /** Alerts whose runbook was tested. */
  const tried = new Set<string>();
  const desk = await openDesk({
    root,
    dir: join(stateRoot(), 'loop', 'desk'),
    ...lab.access,
    storeUri: lab.parts.storeUri,
    storeCaPem: lab.parts.storeCaPem,
    words: await wordsOf(scene),
  });
  const timeoutMs = Math.max(secondsMin, (minutesMax * 60) / speed) * 1000;
  for (const [index, { cause, act, firing = [], silent = [] }] of steps.entries()) {
    if (index + 1 < from) continue;
    await progress.step(`${index + 1}. ${cause}`, async (step) => {
      const watching = watchAlerts({
        prometheusUrl: lab.prometheus.url,
        firing,
        silent,
        timeoutMs,
        signal,
        tell: (names) => step.update(names),
      });
      const [, seen] = await Promise.all([act(scene), watching]);
      for (const [name, seconds] of seen.seconds) {
        const row = rows.get(name) ?? { cause };
        rows.set(name, firing.includes(name) ? { ...row, fires: seconds } : { ...row, ends: seconds });
        progress.note(`${name} ${firing.includes(name) ? 'fires' : 'has ended'} after ${seconds.toFixed(0)} s`);
      }
      const expected = new Set([...firing, ...silent]);
      const others = [...seen.fired].filter((name) => !expected.has(name));
      if (others.length > 0) progress.note(`also firing: ${others.join(', ')}`);
      const late = [...firing, ...silent].filter((name) => !seen.seconds.has(name));
      for (const name of late) {
        missing.push(
          `${name} did not ${firing.includes(name) ? 'fire' : 'end'} within ${timeoutMs / 1000} s after this cause: ${cause}`,
        );
        progress.note(`BROKEN: ${missing.at(-1)}`);
      }
      for (const name of firing.filter((name) => !tried.has(name) && seen.seconds.has(name))) {
        step.update(`the runbook of ${name}`);
        tried.add(name);
        const commands = await tryRunbook(await readRunbook(root, name), desk, isLeftOut);
        for (const { command, problem } of commands.filter(({ problem }) => problem !== undefined)) {
          missing.push(`runbook ${name}: ${command}: ${problem}`);
          progress.note(`BROKEN: ${missing.at(-1)}`);
        }
      }
    });
  }
  const table = new Table({
    head: ['Alert', 'Cause', 'Fires after s', 'Ends after s'],
    colWidths: [40, 50, 15, 15],
    wordWrap: true,
    style: { head: [], border: [] },
  });
  for (const [name, { cause, fires, ends }] of rows) table.push([name, cause, inSeconds(fires), inSeconds(ends)]);
  for (const [name, why] of Object.entries(notProvoked)) table.push([name, `not provoked: ${why}`, '-', '-']);
  console.log(`The rules ran ${speed} times as fast. The causes ran in real time.\n${table}`);
  const unknown = findUnplayed();
  if (unknown.length > 0) missing.push(`no step provokes ${unknown.join(', ')}`);
  for (const [part, why] of Object.entries(leftOut)) console.log(`Not tested in the runbooks: ${part}: ${why}`);
  for (const problem of missing) console.log(problem);
  if (missing.length > 0) process.exitCode = 1;
}

function isLeftOut(command: string): boolean {
  return Object.keys(leftOut).some((part) => command.includes(part));
}

/** Returns the alerts that have no step and no reason in `notProvoked`. */
function findUnplayed(): string[] {
  const ref = { namespace: 'a', name: 'b' };
  const groups = [...buildAlertRules({ ref, autoscaling: { max: undefined } }), ...buildOperatorAlerts()];
  const all = groups.flatMap(({ rules }) => rules.flatMap((rule) => ('alert' in rule ? [rule.alert] : [])));
  const known = new Set([...steps.flatMap(({ firing = [] }) => firing), ...Object.keys(notProvoked)]);
  return all.filter((name) => !known.has(name));
}

function parsePositive(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('Give a whole number above 0.');
  return value;
}

function inSeconds(value: number | undefined): string {
  return value === undefined ? '-' : value.toFixed(0);
}
