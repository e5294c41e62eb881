#!/usr/bin/env node
/**
 * The one entry point of the one image: it only dispatches. Programs load lazily, so that the data plane never pays
 * for a Kubernetes client.
 */
const programs: Readonly<Record<string, () => Promise<{ main: () => Promise<void> }>>> = {
  operator: () => import('#operator/main.ts'),
  calculator: () => import('#services/calculator/main.ts'),
  aggregator: () => import('#services/aggregator/main.ts'),
  audit: () => import('#audit/main.ts'),
  sumctl: () => import('#cli/main.ts'),
};

const [name = ''] = process.argv.splice(2, 1);
const load = programs[name];
if (load === undefined) {
  console.error(`usage: sumpipeline ${Object.keys(programs).join('|')} [arguments]`);
  process.exitCode = 2;
} else {
  const { main } = await load();
  try {
    await main();
  } catch (error) {
    // Its message lists every variable at fault; where in our code that was noticed helps nobody.
    if (!(error instanceof Error) || error.name !== 'EnvironmentError') throw error;
    console.error(error.message);
    process.exitCode = 2;
  }
}
