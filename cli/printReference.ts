/** Prints docs/reference/sumctl.md. It is a separate program, because the generators must not import the cli. */
import { renderReference } from './reference.ts';

process.stdout.write(renderReference());
