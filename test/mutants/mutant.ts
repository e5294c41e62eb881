/**
 * Breaks that must never pass unnoticed: each was made by hand once, and the named tests went red. `from` must occur
 * exactly once in the file, so a mutant that no longer fits the code fails loudly instead of testing nothing.
 */
export interface Mutant {
  /** The promise that it breaks. */
  readonly breaks: string;
  readonly file: string;
  readonly from: string;
  readonly to: string;
  /** The test file that must go red, and a part of the test's name. */
  readonly test: { readonly file: string; readonly name: string };
}
