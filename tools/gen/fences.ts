/**
 * The import borders of the code base as one table. `npm run gen` writes biome.json from it, so the linter holds
 * every arrow and says why. Folders import each other by `#folder/...`; a relative path stays inside its folder.
 * Tests and testing/ folders stand outside: they may bring real parts, from lab/ too.
 */

/** What one folder may import. `packages` lists npm packages and `node:` modules; 'any' allows them all. */
export interface Fence {
  readonly folder: string;
  readonly folders: readonly string[];
  readonly packages: readonly string[] | 'any';
  /** Paths that may be written relatively although they leave the folder. */
  readonly relative?: readonly string[];
  /** True: the folder may use the program's globals (console, timers) without an import. */
  readonly hasGlobals?: boolean;
  readonly why: string;
}

/** The last fence that covers a file is the one that holds: a folder's own stands behind that of the folder above it. */
export const fences: readonly Fence[] = [
  {
    folder: 'core',
    folders: [],
    packages: ['node:crypto'],
    why: 'core/ is the sums, pure: no clients, files, clocks or randomness (node:crypto for createHash only)',
  },
  {
    folder: 'contract',
    folders: ['core'],
    packages: ['@bufbuild/protobuf', '@bufbuild/protobuf/**', 'zod', 'node:crypto'],
    why: 'contract/ is what two programs agree on: data and pure codecs over core/, nothing that does I/O',
  },
  {
    folder: 'platform',
    folders: [],
    packages: ['node:*', '@opentelemetry/**', 'pino', 'prom-client', 'zod'],
    why: 'platform/ is what every process needs: nothing of ours, and no client library that one of them would pay for in vain',
  },
  {
    folder: 'kube',
    folders: ['platform'],
    packages: ['node:*', '@kubernetes/client-node', '@opentelemetry/api', 'undici', 'yaml', 'zod'],
    why: 'kube/ knows Kubernetes and knows nothing of sums; its client loads the packages that this list names and no other',
  },
  {
    folder: 'services',
    folders: ['core', 'contract', 'platform', 'services'],
    packages: ['node:*'],
    why: 'services/ is the data plane: never the operator, sumctl, lab/ or tools/, and never a Kubernetes client',
  },
  {
    folder: 'services/eventlog',
    folders: ['core', 'contract', 'platform'],
    packages: ['node:*', 'kafkajs', '@platformatic/kafka', '@opentelemetry/api'],
    why: 'services/eventlog is the port to Kafka: it knows neither PostgreSQL nor the services',
  },
  {
    folder: 'services/ledger',
    folders: ['core', 'contract', 'platform'],
    packages: ['node:*', 'pg', '@opentelemetry/api'],
    why: 'services/ledger is the port to PostgreSQL: it knows neither Kafka nor the services',
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
    why: 'services/rpc is the gRPC and HTTP edge that both services share: it knows no Kafka and no PostgreSQL',
  },
  {
    folder: 'services/calculator',
    folders: ['core', 'contract', 'platform', 'services/eventlog', 'services/rpc', 'services/calculator'],
    packages: ['node:*', '@bufbuild/protobuf', '@bufbuild/protobuf/**', '@opentelemetry/api', 'fastify'],
    why: 'the calculator makes one write, to the log: never the ledger, never the aggregator, never a client library directly',
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
    why: 'the aggregator goes through the two ports: never the calculator, never a client library directly',
  },
  {
    folder: 'operator',
    folders: ['core', 'contract', 'platform', 'kube', 'operator'],
    packages: ['node:*', 'zod'],
    why: 'the operator knows the data plane by contract/ alone: never services/, and Kubernetes only through kube/',
  },
  {
    folder: 'operator/api',
    folders: ['core', 'contract', 'operator/api'],
    packages: ['zod'],
    why: 'operator/api is the CRD source and its types: pure',
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
    why: 'operator/observe is pure health per kind: no client, no clock',
  },
  {
    folder: 'operator/plan',
    folders: ['core', 'contract', 'operator/api', 'operator/desired', 'operator/observe', 'operator/plan'],
    packages: [],
    why: 'operator/plan is pure: desired, live and inventory in, a list of actions out',
  },
  {
    folder: 'operator/status',
    folders: ['core', 'contract', 'operator/api', 'operator/observe', 'operator/plan', 'operator/status'],
    packages: [],
    why: 'operator/status is pure: facts in, conditions out',
  },
  {
    folder: 'operator/reconcile',
    folders: ['core', 'contract', 'platform', 'kube', 'operator/**'],
    packages: ['node:*'],
    why: 'operator/reconcile tells the story over the operator layers; it never touches services/',
  },
  {
    folder: 'audit',
    folders: ['contract', 'platform'],
    packages: ['node:*', '@platformatic/kafka', 'pg', 'zod'],
    why: 'audit/ re-reads everything with code of its own: of contract/ only the environment, of platform/ only how to read it and the secrets',
  },
  {
    folder: 'audit/judge',
    folders: ['audit/record', 'audit/judge'],
    packages: [],
    why: 'audit/judge compares, pure: no client, file or clock, and nothing of what it checks',
  },
  {
    folder: 'audit/record',
    folders: ['audit/record'],
    packages: ['node:crypto'],
    why: 'audit/record reads a record, pure, with a decoder and decimals of its own: nothing of what it checks',
  },
  {
    folder: 'cli',
    folders: ['core', 'contract', 'platform', 'kube', 'audit', 'operator/api', 'operator/desired', 'operator/observe'],
    packages: 'any',
    why: 'sumctl may use core, contract, platform, kube, audit and the pure layers operator/api, desired and observe; never services/, lab/ or tools/',
  },
  {
    folder: 'k6',
    folders: [],
    packages: ['k6', 'k6/**'],
    relative: ['../core/decimal.ts', '../contract/slo.ts'],
    hasGlobals: true,
    why: 'k6/ runs in k6, which knows no Node modules and no names such as #core: relative paths alone, to what imports nothing',
  },
  {
    folder: 'k6/load',
    folders: [],
    packages: [],
    relative: ['../../core/decimal.ts', '../../contract/slo.ts'],
    why: 'k6/load is the load test without k6: our own driver runs it too',
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
    why: 'lab/ runs the product on one machine, as its users do: never services/, test/ or tools/',
  },
  {
    folder: 'tools',
    folders: ['platform', 'contract', 'operator', 'lab'],
    packages: 'any',
    why: 'tools/ is the test runner and what writes pages and manifests from the declarations of contract/ and operator/: never services/ or cli/',
  },
];

/** node:crypto is allowed in pure folders for hashing alone. */
const pureCrypto = {
  'node:crypto': {
    allowImportNames: ['createHash'],
    message: 'randomness is a parameter here: only createHash is pure',
  },
};

/** What a pure folder could reach without an import. Biome says the reason beside each. */
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

const pureWhy = 'this folder is pure: time, randomness, environment and output are parameters, and main makes them';

const relativeWhy = 'cross a folder by its name (#core/..., #platform/...): the fences read that name';

/** Who stands outside the fences. */
const outside = ['!**/*.test.ts', '!**/testing/**'];

const testingWhy = 'testing/ folders hold stand-ins and helpers of tests: what runs for users never loads them';

/** One Biome override per fence: overrides replace options, so each says everything that holds for its folder. */
export function buildImportOverrides(): object[] {
  return fences.map((fence) => {
    const group = ['**', '!./**'];
    const { relative = [] } = fence;
    for (const path of relative) group.push(`!${path}`);
    for (const folder of fence.folders) group.push(`!#${folder}/**`.replace('/**/**', '/**'));
    group.push(`!#${fence.folder}/**`);
    if (fence.packages === 'any') {
      // Everything that is not ours is allowed; ours begins with '#', except the folders named above.
      group.splice(0, 2, '#*/**');
    } else {
      for (const name of fence.packages) {
        group.push(`!${name}`);
        // A star stops at a slash: node:fs/promises needs its own pattern.
        if (name === 'node:*') group.push('!node:*/**');
      }
    }
    return {
      includes: [`${fence.folder}/**/*.ts`, ...outside],
      linter: {
        rules: {
          style: {
            noRestrictedImports: {
              level: 'error',
              options: {
                ...(isPure(fence) ? { paths: pureCrypto } : {}),
                patterns: [
                  { group: ['../**', ...relative.map((path) => `!${path}`)], message: relativeWhy },
                  ...(fence.folder === 'tools' ? [] : [{ group: ['**/testing/**'], message: testingWhy }]),
                  { group, message: fence.why },
                ],
              },
            },
          },
        },
      },
    };
  });
}

/** What the pure folders may not reach without an import; `purity.grit` has what a rule about names cannot tell. */
export function buildPurityOverride(): object {
  return {
    includes: [...fences.filter(isPure).map(({ folder }) => `${folder}/**/*.ts`), ...outside],
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

/** A folder without `node:` modules touches the system only through globals, so those are refused too. */
function isPure({ packages, hasGlobals = false }: Fence): boolean {
  return packages !== 'any' && !packages.includes('node:*') && !hasGlobals;
}
