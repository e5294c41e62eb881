/**
 * The import rules of the code base as one table. `npm run gen` writes biome.json from it, so the linter enforces
 * every rule and prints the reason. Folders import each other by `#folder/...`. A relative path stays inside its
 * folder. Tests and testing/ folders are exempt: they may also import lab/.
 */

/** What `folder` may import: our `folders`, and npm packages and `node:` modules (`packages`; 'any' allows all). */
export interface ImportRule {
  readonly folder: string;
  readonly folders: readonly string[];
  readonly packages: readonly string[] | 'any';
  /** Relative import paths that are allowed although the imported file is outside the folder. */
  readonly relative?: readonly string[];
  /** If true, the folder may use the program's globals (console, timers) without an import. */
  readonly hasGlobals?: boolean;
  readonly why: string;
}

/**
 * The rules in order. If several rules cover a file, the last one applies. So the rule of a folder comes after the
 * rule of the folder above it.
 */
export const importRules: readonly ImportRule[] = [
  {
    folder: 'core',
    folders: [],
    packages: ['node:crypto'],
    why: 'core/ holds the sums and is pure: no clients, files, clocks or randomness (node:crypto for createHash only)',
  },
  {
    folder: 'contract',
    folders: ['core'],
    packages: ['@bufbuild/protobuf', '@bufbuild/protobuf/**', 'zod', 'node:crypto'],
    why: 'contract/ holds what two programs agree on: data and pure codecs over core/, no I/O',
  },
  {
    folder: 'platform',
    folders: [],
    packages: ['node:*', '@opentelemetry/**', 'pino', 'prom-client', 'zod'],
    why: 'platform/ holds what every process needs: it imports none of our other folders, and no library that only some processes use',
  },
  {
    folder: 'kube',
    folders: ['platform'],
    packages: ['node:*', '@kubernetes/client-node', '@opentelemetry/api', 'undici', 'yaml', 'zod'],
    why: 'kube/ is about Kubernetes only and must not depend on the sums; it loads only the packages in this list',
  },
  {
    folder: 'services',
    folders: ['core', 'contract', 'platform', 'services'],
    packages: ['node:*'],
    why: 'services/ is the data plane: it must not import the operator, sumctl, lab/, tools/ or a Kubernetes client',
  },
  {
    folder: 'services/eventlog',
    folders: ['core', 'contract', 'platform'],
    packages: ['node:*', 'kafkajs', '@platformatic/kafka', '@opentelemetry/api'],
    why: 'services/eventlog is the port to Kafka: it must not depend on PostgreSQL or on the services',
  },
  {
    folder: 'services/ledger',
    folders: ['core', 'contract', 'platform'],
    packages: ['node:*', 'pg', '@opentelemetry/api'],
    why: 'services/ledger is the port to PostgreSQL: it must not depend on Kafka or on the services',
  },
  {
    folder: 'services/rpc',
    folders: ['core', 'contract', 'platform'],
    packages: [
      'node:*',
      '@grpc/**',
      'grpc-health-check',
      '@bufbuild/protobuf',
      '@bufbuild/protobuf/**',
      '@opentelemetry/api',
      'fastify',
      'zod',
    ],
    why: 'services/rpc is the gRPC and HTTP edge that both services share: it must not depend on Kafka or PostgreSQL',
  },
  {
    folder: 'services/calculator',
    folders: ['core', 'contract', 'platform', 'services/eventlog', 'services/rpc', 'services/calculator'],
    packages: ['node:*', '@bufbuild/protobuf', '@bufbuild/protobuf/**', '@opentelemetry/api', 'fastify'],
    why: 'the calculator writes only to the log: it must not import the ledger, the aggregator or a client library',
  },
  {
    folder: 'services/aggregator',
    folders: [
      'core',
      'contract',
      'platform',
      'services/eventlog',
      'services/ledger',
      'services/rpc',
      'services/aggregator',
    ],
    packages: ['node:*', '@bufbuild/protobuf', '@bufbuild/protobuf/**', '@opentelemetry/api', 'fastify', 'undici'],
    why: 'the aggregator uses Kafka and PostgreSQL only through services/eventlog and services/ledger: it must not import the calculator or a client library',
  },
  {
    folder: 'operator',
    folders: ['core', 'contract', 'platform', 'kube', 'operator'],
    packages: ['node:*', 'zod'],
    why: 'the operator uses the data plane only through contract/ and Kubernetes only through kube/: it must not import services/',
  },
  {
    folder: 'operator/api',
    folders: ['core', 'contract', 'operator/api'],
    packages: ['zod'],
    why: 'operator/api holds the source of the CRD and its types, and is pure',
  },
  {
    folder: 'operator/desired',
    folders: ['core', 'contract', 'operator/api', 'operator/desired'],
    packages: ['node:crypto'],
    why: 'operator/desired holds pure builders: (pipeline, facts) -> object | undefined; no client, clock or randomness',
  },
  {
    folder: 'operator/observe',
    folders: ['core', 'contract', 'operator/api', 'operator/observe'],
    packages: [],
    why: 'operator/observe computes the health of each kind and is pure: no client, no clock',
  },
  {
    folder: 'operator/plan',
    folders: ['core', 'contract', 'operator/api', 'operator/desired', 'operator/observe', 'operator/plan'],
    packages: [],
    why: 'operator/plan is pure: from desired, live and inventory it computes a list of actions',
  },
  {
    folder: 'operator/status',
    folders: ['core', 'contract', 'operator/api', 'operator/observe', 'operator/plan', 'operator/status'],
    packages: [],
    why: 'operator/status is pure: from facts it computes conditions',
  },
  {
    folder: 'operator/reconcile',
    folders: ['core', 'contract', 'platform', 'kube', 'operator/**'],
    packages: ['node:*'],
    why: 'operator/reconcile combines the operator layers; it never imports services/',
  },
  {
    folder: 'audit',
    folders: ['contract', 'platform'],
    packages: ['node:*', '@platformatic/kafka', 'pg', 'zod'],
    why: 'audit/ reads everything again with its own code: from contract/ it uses only the environment, from platform/ only how to read the environment and the secrets',
  },
  {
    folder: 'audit/judge',
    folders: ['audit/record', 'audit/judge'],
    packages: [],
    why: 'audit/judge compares and is pure: no client, file or clock, and no code that it checks',
  },
  {
    folder: 'audit/record',
    folders: ['audit/record'],
    packages: ['node:crypto'],
    why: 'audit/record reads a record and is pure, with its own decoder and decimals: no code that it checks',
  },
  {
    folder: 'cli',
    folders: ['core', 'contract', 'platform', 'kube', 'audit', 'operator/api', 'operator/desired', 'operator/observe'],
    packages: 'any',
    why: 'sumctl may use core, contract, platform, kube, audit and the pure layers operator/api, desired and observe; it must not import services/, lab/ or tools/',
  },
  {
    folder: 'k6',
    folders: [],
    packages: ['k6', 'k6/**'],
    relative: ['../core/decimal.ts', '../contract/slo.ts'],
    hasGlobals: true,
    why: 'k6/ runs in k6, which has no Node modules and no names such as #core: import only relative paths, and only files without imports',
  },
  {
    folder: 'k6/load',
    folders: [],
    packages: [],
    relative: ['../../core/decimal.ts', '../../contract/slo.ts'],
    why: 'k6/load is the load test without k6, because our own driver runs it too',
  },
  {
    folder: 'lab',
    folders: [
      'core',
      'contract',
      'platform',
      'kube',
      'cli',
      'operator/api',
      'operator/desired',
      'operator/observe',
      'k6/load',
    ],
    packages: 'any',
    why: 'lab/ runs the product on one machine as users do: it must not import services/, test/ or tools/',
  },
  {
    folder: 'tools',
    folders: ['core', 'platform', 'contract', 'operator', 'cli', 'lab'],
    packages: 'any',
    why: 'tools/ has the test runner, and programs that write pages and manifests from the declarations of the product: it must not import services/',
  },
];

/** Pure folders may use node:crypto only for hashing. */
const pureCrypto = {
  'node:crypto': {
    allowImportNames: ['createHash'],
    message: 'randomness is a parameter here: only createHash is pure',
  },
};

/** Impure globals that a pure folder could use without an import. Biome prints the reason for each of them. */
const impureGlobals = [
  'console',
  'crypto',
  'fetch',
  'global',
  'globalThis',
  'performance',
  'process',
  'setImmediate',
  'setInterval',
  'setTimeout',
];

const pureWhy = 'this folder is pure: time, randomness, environment and output are parameters that main passes in';

const relativeWhy = 'import another folder by its name (#core/..., #platform/...): the importRules check that name';

/** Files that are exempt from the importRules. */
const outside = ['!**/*.test.ts', '!**/testing/**'];

const testingWhy = 'testing/ folders hold stand-ins and helpers of tests: code that runs for users never loads them';

/**
 * Builds one Biome override per rule. It contains all options for its folder, because an override replaces the
 * options of earlier overrides.
 */
export function buildImportOverrides(): object[] {
  return importRules.map((rule) => {
    const group = ['**', '!./**'];
    const { relative = [] } = rule;
    for (const path of relative) group.push(`!${path}`);
    for (const folder of rule.folders) group.push(`!#${folder}/**`.replace('/**/**', '/**'));
    group.push(`!#${rule.folder}/**`);
    if (rule.packages === 'any') {
      // Every package is allowed. Our folders begin with '#' and must be named in the rule.
      group.splice(0, 2, '#*/**');
    } else {
      for (const name of rule.packages) {
        group.push(`!${name}`);
        // A star stops at a slash: node:fs/promises needs its own pattern.
        if (name === 'node:*') group.push('!node:*/**');
      }
    }
    return {
      includes: [`${rule.folder}/**/*.ts`, ...outside],
      linter: {
        rules: {
          style: {
            noRestrictedImports: {
              level: 'error',
              options: {
                ...(isPure(rule) ? { paths: pureCrypto } : {}),
                patterns: [
                  { group: ['../**', ...relative.map((path) => `!${path}`)], message: relativeWhy },
                  ...(rule.folder === 'tools' ? [] : [{ group: ['**/testing/**'], message: testingWhy }]),
                  { group, message: rule.why },
                ],
              },
            },
          },
        },
      },
    };
  });
}

/**
 * Builds the rule about globals that pure folders must not use. Rules that depend on more than a name are in
 * `purity.grit`.
 */
export function buildPurityOverride(): object {
  return {
    includes: [...importRules.filter(isPure).map(({ folder }) => `${folder}/**/*.ts`), ...outside],
    plugins: ['./tools/gen/purity.grit'],
    linter: {
      rules: {
        style: {
          noRestrictedGlobals: {
            level: 'error',
            options: { deniedGlobals: Object.fromEntries(impureGlobals.map((name) => [name, pureWhy])) },
          },
        },
      },
    },
  };
}

/** Returns whether a folder is pure: it imports no `node:` modules, so its globals are checked too. */
function isPure({ packages, hasGlobals = false }: ImportRule): boolean {
  return packages !== 'any' && !packages.includes('node:*') && !hasGlobals;
}
