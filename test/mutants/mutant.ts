/**
 * Code changes that a test must detect: each was made by hand once, and the named tests failed. `from` must occur
 * exactly once in the file, so a mutant that no longer fits the code fails visibly instead of testing nothing.
 */
export interface Mutant {
  /** The promise that the mutant breaks. */
  readonly breaks: string;
  readonly file: string;
  readonly from: string;
  readonly to: string;
  /** The test file that must fail, and a part of the test's name. */
  readonly test: { readonly file: string; readonly name: string };
}
