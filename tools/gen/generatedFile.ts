export interface GeneratedFile {
  /** Path relative to the root of the repository. */
  readonly path: string;
  readonly text: string;
}
