#!/usr/bin/env node
/**
 * The only entry point of the image. It only dispatches. Programs load lazily, so that the data plane never loads a
 * Kubernetes client.
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
    // Its message lists every wrong variable; a stack trace would not help the user.
    if (!(error instanceof Error) || error.name !== 'EnvironmentError') throw error;
    console.error(error.message);
    process.exitCode = 2;
  }
}
