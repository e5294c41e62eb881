import { readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** CRDs of another project, ready to be applied. */
export interface CrdSet {
  /** The folder that holds them. */
  readonly path: string;
  /** One CustomResourceDefinition per file: full paths, sorted. */
  readonly files: readonly string[];
}

/** Lists the YAML files of a folder. Throws if the folder holds no YAML file. */
export async function readCrdSet(path: string): Promise<CrdSet> {
  const names = (await readdir(path)).filter((name) => name.endsWith('.yaml')).sort();
  if (names.length === 0) throw new Error(`${path} holds no CRD`);
  return { path, files: names.map((name) => join(path, name)) };
}
