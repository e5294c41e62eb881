/** `npm run load -- SCENARIO`: plays a load test of k6/load against a running pipeline, without k6. */
import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { formatHtml, formatJson, formatJunit, formatText } from '#k6/load/report.ts';
import {
  durationSeconds,
  isLoadScenarioName,
  type LoadScenarioName,
  loadScenarioNames,
  loadScenarios,
  scaleScenario,
} from '#k6/load/scenarios.ts';
import { driveLoad, type LoadProgress } from './driveLoad.ts';
import { createPipelineApi } from './pipelineApi.ts';

interface Options {
  readonly calculator: string;
  readonly grpc: string;
  readonly aggregator: string;
  readonly rate: number;
  readonly time: number;
  readonly seed: number;
  readonly run: string;
  readonly out?: string;
  readonly output: string;
}

const list = loadScenarioNames.map((name) => `  ${name.padEnd(10)} ${loadScenarios[name].purpose}`).join('\n');

await new Command('npm run load --')
  .description('Run a load test against a running pipeline and check that each acknowledged addition counts once.')
  .argument('<scenario>', `one of ${loadScenarioNames.join(', ')}`, scenarioName)
  .option('--calculator <url>', "URL of the calculator's HTTP API", 'http://127.0.0.1:8080')
  .option('--grpc <host:port>', "address of the calculator's gRPC API", '127.0.0.1:9090')
  .option('--aggregator <url>', "URL of the aggregator's HTTP API", 'http://127.0.0.1:8081')
  .option('--rate <factor>', 'factor for every rate of the scenario', positive, 1)
  .option('--time <factor>', 'factor for every time of the scenario', positive, 1)
  .option('--seed <number>', 'the same seed makes the same additions', positive, 1)
  .option('--run <id>', 'name of the run, part of the names of its series', randomBytes(4).toString('hex'))
  .option('--out <folder>', 'also write load-SCENARIO.json, .html and .junit.xml there')
  .option('-o, --output <format>', 'text or json', 'text')
  .addHelpText('after', `\nScenarios:\n${list}\n\nExample:\n  npm run load -- smoke --rate 0.5 --time 0.2\n`)
  .action(run)
  .parseAsync();

async function run(name: LoadScenarioName, options: Options): Promise<void> {
  const { rate, time, seed, out, output } = options;
  const scenario = scaleScenario(loadScenarios[name], { rate, time });
  const interrupt = new AbortController();
  // The first Ctrl-C ends the load, and the sent additions are still checked. The second Ctrl-C ends the program.
  process.once('SIGINT', () => interrupt.abort());
  await using api = createPipelineApi(options);
  const say = (text: string) => console.error(text);
  say(
    `Load test ${name}: ${Math.round(durationSeconds(scenario))} s, up to ${scenario.users} users, run ${options.run}.`,
  );
  const summary = await driveLoad({
    name,
    scenario,
    api,
    runId: options.run,
    seed,
    signal: interrupt.signal,
    onProgress: (progress) => say(describe(progress)),
    complain: (problem) => say(`problem: ${problem}`),
  });
  if (out !== undefined) {
    await mkdir(out, { recursive: true });
    const reports = { json: formatJson(summary), html: formatHtml(summary), 'junit.xml': formatJunit(summary) };
    for (const [ending, text] of Object.entries(reports)) await writeFile(join(out, `load-${name}.${ending}`), text);
    say(`Reports are in ${out}.`);
  }
  process.stdout.write(output === 'json' ? formatJson(summary) : formatText(summary));
  if (!summary.passed) process.exitCode = 1;
}

function describe({ phase, seconds, ofSeconds, visits, busyUsers }: LoadProgress): string {
  return phase === 'load'
    ? `${Math.round(seconds)} of ${Math.round(ofSeconds)} s: ${visits} visits, ${busyUsers} users busy`
    : `checked ${seconds} of ${ofSeconds} journals`;
}

function scenarioName(text: string): LoadScenarioName {
  if (isLoadScenarioName(text)) return text;
  throw new InvalidArgumentError(`Choose one of ${loadScenarioNames.join(', ')}.`);
}

function positive(text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError('It must be a number above 0.');
}
