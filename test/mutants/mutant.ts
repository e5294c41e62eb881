/**
 * A change of the code that a test must detect. Each was made by hand once, and the named tests failed. `from` must
 * occur exactly once in the file: a mutant that no longer fits the code then fails, instead of testing nothing.
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
