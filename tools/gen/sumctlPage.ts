import { renderReference } from '#cli/reference.ts';
import type { GeneratedFile } from './generatedFile.ts';

/** Generates docs/reference/sumctl.md: the help of every verb. */
export async function generateSumctlPage(): Promise<GeneratedFile> {
  return { path: 'docs/reference/sumctl.md', text: await renderReference() };
}
