/** Writes docs/reference/sumctl.md. */
import { writeFileSync } from 'node:fs';
import { referencePath, renderReference } from './reference.ts';

writeFileSync(referencePath, renderReference());
console.error(`wrote ${referencePath}`);
