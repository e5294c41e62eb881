import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import type { GeneratedFile } from './generatedFile.ts';
import { buildImportOverrides, buildPurityOverride } from './importRules.ts';

/** Generates biome.json, in the format that Biome itself checks. */
export function generateBiomeConfig(root: string): GeneratedFile {
  const text = execFileSync(join(root, 'node_modules', '.bin', 'biome'), ['format', '--stdin-file-path=biome.json'], {
    cwd: root,
    input: JSON.stringify(buildBiomeConfig()),
    encoding: 'utf8',
  });
  return { path: 'biome.json', text };
}

/** Builds the whole Biome configuration: our format, the recommended lint rules, and the importRules. */
function buildBiomeConfig(): object {
  return {
    $schema: './node_modules/@biomejs/biome/configuration_schema.json',
    root: true,
    vcs: { enabled: true, clientKind: 'git', useIgnoreFile: true },
    files: {
      includes: [
        '**',
        '!contract/gen',
        '!package-lock.json',
        '!biome.json',
        '!crds',
        '!manifests/grafana',
        '!**/golden',
        '!**/*.md',
      ],
    },
    formatter: { indentStyle: 'space', indentWidth: 2, lineWidth: 120 },
    javascript: { formatter: { quoteStyle: 'single' } },
    linter: {
      rules: {
        preset: 'recommended',
        complexity: {
          // Off, because this rule removes the brackets that noPropertyAccessFromIndexSignature of tsconfig requires.
          useLiteralKeys: 'off',
        },
        style: { useImportType: 'error', noNonNullAssertion: 'error', noRestrictedImports: 'off' },
        suspicious: {
          noExplicitAny: 'error',
          // Refuse cycles of type imports too, because files in such a cycle cannot be understood one by one.
          noImportCycles: { level: 'error', options: { ignoreTypes: false } },
        },
        nursery: { noFloatingPromises: 'error' },
      },
    },
    assist: { actions: { source: { organizeImports: 'on' } } },
    overrides: [...buildImportOverrides(), buildPurityOverride()],
  };
}
