/**
 * Runs test files in this process, one after the other: `node runFiles.main.ts ROOT FILE...`. Each file is a separate
 * suite, named by its path, so that its top-level hooks apply only to its tests. (`node --test --test-isolation=none`
 * would run the `beforeEach` of one file for the tests of all files.)
 */
import { join } from 'node:path';
import { describe } from 'node:test';
import { pathToFileURL } from 'node:url';

const [root = '', ...files] = process.argv.slice(2);
for (const file of files) {
  describe(file, async () => {
    await import(pathToFileURL(join(root, file)).href);
  });
}
