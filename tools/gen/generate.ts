/**
 * `npm run gen` writes every generated file. `npm run verify` names the files that are not current and changes
 * nothing. A generated file is a path and the text that it must have.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { generateAdrIndex } from './adrIndex.ts';
import { generateBiomeConfig } from './biome.ts';
import { generateConditionsPage } from './conditionsPage.ts';
import { generateConfigurationPage } from './configurationPage.ts';
import { generateCrd } from './crd.ts';
import { generateDashboards } from './dashboards/generate.ts';
import type { GeneratedFile } from './generatedFile.ts';
import { generateMetricsPage } from './metricsPage.ts';
import { generateOperatorAlerts } from './operatorAlerts.ts';
import { generateOwnershipPage } from './ownershipPage.ts';
import { generateProblemPages } from './problemPages.ts';
import { generateProtobuf } from './protobuf.ts';
import { generateRbac } from './rbac.ts';
import { generateReference } from './reference.ts';
import { generateSumctlPage } from './sumctlPage.ts';

const root = join(import.meta.dirname, '..', '..');

async function generateAll(): Promise<GeneratedFile[]> {
  return [
    generateAdrIndex(root),
    generateBiomeConfig(root),
    ...generateCrd(),
    ...generateRbac(),
    ...generateReference(),
    generateConditionsPage(),
    generateConfigurationPage(),
    ...generateProblemPages(),
    ...generateMetricsPage(),
    ...generateDashboards(),
    ...generateOperatorAlerts(),
    ...generateOwnershipPage(),
    await generateSumctlPage(),
    ...(await generateProtobuf(root)),
  ];
}

function readCurrent(path: string): string | undefined {
  try {
    return readFileSync(join(root, path), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

const isVerify = process.argv.includes('--verify');
const stale = (await generateAll()).filter((file) => readCurrent(file.path) !== file.text);
for (const file of stale) {
  if (isVerify) console.error(`not current: ${file.path} (update it: npm run gen)`);
  else {
    mkdirSync(dirname(join(root, file.path)), { recursive: true });
    writeFileSync(join(root, file.path), file.text);
    console.error(`wrote ${file.path}`);
  }
}
if (stale.length === 0) console.error('all generated files are current');
if (isVerify && stale.length > 0) process.exitCode = 1;
