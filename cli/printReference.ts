/** Prints docs/reference/sumctl.md: a program of its own, because the generators must not import the cli. */
import { renderReference } from './reference.ts';

process.stdout.write(renderReference());
