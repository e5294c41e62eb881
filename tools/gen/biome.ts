import { buildImportOverrides } from './fences.ts';

/** The whole Biome configuration: house format, recommended lint, and the import fences. */
export function buildBiomeConfig(): object {
  return {
    $schema: './node_modules/@biomejs/biome/configuration_schema.json',
    root: true,
    vcs: { enabled: true, clientKind: 'git', useIgnoreFile: true },
    files: { includes: ['**', '!contract/gen', '!package-lock.json', '!biome.json', '!crds', '!**/golden'] },
    formatter: { indentStyle: 'space', indentWidth: 2, lineWidth: 120 },
    javascript: { formatter: { quoteStyle: 'single' } },
    linter: {
      rules: {
        preset: 'recommended',
        complexity: {
          // tsconfig's noPropertyAccessFromIndexSignature asks for the brackets that this rule would remove.
          useLiteralKeys: 'off',
        },
        style: { useImportType: 'error', noNonNullAssertion: 'error', noRestrictedImports: 'off' },
        suspicious: { noExplicitAny: 'error' },
      },
    },
    assist: { actions: { source: { organizeImports: 'on' } } },
    overrides: buildImportOverrides(),
  };
}
