/** One entry of an archive. Its path has no leading slash. The caller adds parent directories. */
export type TarEntry =
  | { readonly type: 'file'; readonly path: string; readonly mode: number; readonly data: Uint8Array }
  | { readonly type: 'directory'; readonly path: string; readonly mode: number }
  | { readonly type: 'link'; readonly path: string; readonly target: string };

const block = 512;

/**
 * Builds an archive (ustar) as a list of chunks. Its bytes depend only on the entries: sorted by path, time zero,
 * owner root. The same files give the same digest on every machine.
 */
export function buildTar(entries: readonly TarEntry[]): Uint8Array[] {
  const sorted = entries.toSorted((a, b) => (a.path < b.path ? -1 : 1));
  return [...sorted.flatMap(buildEntry), tarEnd()];
}

/** Builds the chunks of a single entry, for archives that are written entry by entry. */
export function buildEntry(entry: TarEntry): Uint8Array[] {
  switch (entry.type) {
    case 'directory':
      return [buildHeader({ path: `${entry.path}/`, mode: entry.mode, size: 0, flag: '5', target: '' })];
    case 'link':
      return [buildHeader({ path: entry.path, mode: 0o777, size: 0, flag: '2', target: entry.target })];
    case 'file':
      return [buildFileHeader(entry.path, entry.mode, entry.data.length), entry.data, tarPadding(entry.data.length)];
    default:
      return entry satisfies never;
  }
}

/** Builds the header before a file's bytes. `tarPadding` comes after the bytes. */
export function buildFileHeader(path: string, mode: number, size: number): Uint8Array {
  return buildHeader({ path, mode, size, flag: '0', target: '' });
}

export function tarPadding(size: number): Uint8Array {
  return new Uint8Array((block - (size % block)) % block);
}

/** Returns the end of an archive: two empty blocks. */
export function tarEnd(): Uint8Array {
  return new Uint8Array(block * 2);
}

interface Header {
  readonly path: string;
  readonly mode: number;
  readonly size: number;
  readonly flag: '0' | '2' | '5';
  readonly target: string;
}

function buildHeader({ path, mode, size, flag, target }: Header): Uint8Array {
  const { prefix, name } = splitPath(path);
  if (Buffer.byteLength(target) > 100) throw new Error(`a link's target is too long for an archive: ${target}`);
  const header = Buffer.alloc(block);
  const writeOctal = (value: number, offset: number, length: number) =>
    header.write(`${value.toString(8).padStart(length - 1, '0')}\0`, offset, 'ascii');
  header.write(name, 0);
  writeOctal(mode, 100, 8);
  writeOctal(0, 108, 8); // uid
  writeOctal(0, 116, 8); // gid
  writeOctal(size, 124, 12);
  writeOctal(0, 136, 12); // time
  header.write('        ', 148); // the checksum is computed with blanks in its own field
  header.write(flag, 156);
  header.write(target, 157);
  header.write('ustar\x0000', 257, 'ascii');
  header.write('root', 265);
  header.write('root', 297);
  header.write(prefix, 345);
  const checksum = header.reduce((sum, byte) => sum + byte, 0);
  header.write(`${checksum.toString(8).padStart(6, '0')}\0 `, 148, 'ascii');
  return header;
}

/** Splits a path above 100 bytes into two fields, at a slash. */
function splitPath(path: string): { prefix: string; name: string } {
  if (Buffer.byteLength(path) <= 100) return { prefix: '', name: path };
  for (let cut = path.indexOf('/'); cut !== -1; cut = path.indexOf('/', cut + 1)) {
    const [prefix, name] = [path.slice(0, cut), path.slice(cut + 1)];
    if (name !== '' && Buffer.byteLength(name) <= 100 && Buffer.byteLength(prefix) <= 155) return { prefix, name };
  }
  throw new Error(`the path is too long for an archive: ${path}`);
}
