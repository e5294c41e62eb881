import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buildEntry, buildFileHeader, tarEnd, tarPadding } from './tar.ts';

/** An uncompressed layer on disk. */
export interface Layer {
  readonly path: string;
  /** Size in bytes. */
  readonly size: number;
  /** SHA-256 of the file, hexadecimal. */
  readonly sha256: string;
}

/** The part of an image's configuration that we use, with OCI's names. */
export interface ImageConfig {
  readonly Entrypoint: readonly string[];
  readonly User: string;
  readonly WorkingDir?: string;
  readonly Env?: readonly string[];
}

export interface ImageManifest {
  /** `sha256:...` of the manifest: what a registry and containerd call the image. */
  readonly digest: string;
  /** Every file of the image's layout except the layers. */
  readonly files: readonly { readonly path: string; readonly data: Uint8Array }[];
}

/** Reads the source files that determine an image's bytes. They are inputs of every cached image. */
export function readImageCode(): Promise<Buffer[]> {
  return Promise.all(['tar.ts', 'oci.ts'].map((file) => readFile(join(import.meta.dirname, file))));
}

/** Creation time of every image. It is fixed, because otherwise the same files would give another digest tomorrow. */
const created = '1970-01-01T00:00:00Z';

/**
 * Builds an image's documents from its layers, lowest first. `nameOf` makes the reference, tag included, from the
 * digest.
 */
export function buildManifest(
  layers: readonly Layer[],
  config: ImageConfig,
  nameOf: (digest: string) => string,
): ImageManifest {
  const configBlob = buildBlob({
    created,
    architecture: 'amd64',
    os: 'linux',
    config,
    rootfs: { type: 'layers', diff_ids: layers.map(({ sha256 }) => `sha256:${sha256}`) },
    history: layers.map(() => ({ created, created_by: 'sumpipeline' })),
  });
  const manifestBlob = buildBlob({
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    config: { mediaType: 'application/vnd.oci.image.config.v1+json', ...describe(configBlob) },
    layers: layers.map(({ sha256, size }) => ({
      mediaType: 'application/vnd.oci.image.layer.v1.tar',
      digest: `sha256:${sha256}`,
      size,
    })),
  });
  const name = nameOf(manifestBlob.digest);
  const index = {
    schemaVersion: 2,
    mediaType: 'application/vnd.oci.image.index.v1+json',
    manifests: [
      {
        mediaType: 'application/vnd.oci.image.manifest.v1+json',
        ...describe(manifestBlob),
        platform: { architecture: 'amd64', os: 'linux' },
        annotations: {
          'io.containerd.image.name': name,
          'org.opencontainers.image.ref.name': name.slice(name.lastIndexOf(':') + 1),
        },
      },
    ],
  };
  return {
    digest: manifestBlob.digest,
    files: [
      { path: 'oci-layout', data: Buffer.from('{"imageLayoutVersion":"1.0.0"}') },
      { path: 'index.json', data: Buffer.from(JSON.stringify(index)) },
      { path: blobPath(configBlob.digest), data: configBlob.data },
      { path: blobPath(manifestBlob.digest), data: manifestBlob.data },
    ],
  };
}

/** Writes an OCI layout archive, which containerd, podman, skopeo and docker (from 25) import. */
export async function writeImage(path: string, manifest: ImageManifest, layers: readonly Layer[]): Promise<void> {
  await using file = await open(path, 'w');
  for (const { path: name, data } of manifest.files) {
    for (const chunk of buildEntry({ type: 'file', path: name, mode: 0o644, data })) await file.appendFile(chunk);
  }
  for (const layer of layers) {
    await file.appendFile(buildFileHeader(blobPath(`sha256:${layer.sha256}`), 0o644, layer.size));
    for await (const chunk of createReadStream(layer.path, { highWaterMark: 1 << 20 })) await file.appendFile(chunk);
    await file.appendFile(tarPadding(layer.size));
  }
  await file.appendFile(tarEnd());
}

/** Writes a layer and returns its digest. */
export async function writeLayer(path: string, chunks: readonly Uint8Array[]): Promise<Layer> {
  await using file = await open(path, 'w');
  const hash = createHash('sha256');
  let size = 0;
  for (const chunk of chunks) {
    hash.update(chunk);
    size += chunk.length;
    await file.appendFile(chunk);
  }
  return { path, size, sha256: hash.digest('hex') };
}

interface Blob {
  readonly data: Uint8Array;
  readonly digest: string;
}

function buildBlob(document: object): Blob {
  const data = Buffer.from(JSON.stringify(document));
  return { data, digest: `sha256:${createHash('sha256').update(data).digest('hex')}` };
}

function describe({ data, digest }: Blob): { digest: string; size: number } {
  return { digest, size: data.length };
}

function blobPath(digest: string): string {
  return `blobs/${digest.replace(':', '/')}`;
}
