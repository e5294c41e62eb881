import { join } from 'node:path';
import { baseLayer } from '#lab/image/image.ts';
import { buildManifest, writeImage, writeLayer } from '#lab/image/oci.ts';
import { buildTar } from '#lab/image/tar.ts';
import { silentProgress } from '#lab/progress.ts';

/** Source of a server that responds to every request with its host name, and prints the request. */
const server = `
import { createServer } from 'node:http';
import { hostname } from 'node:os';
process.on('SIGTERM', () => process.exit(0));
createServer((request, response) => {
  console.log(request.method, request.url);
  response.end(JSON.stringify({ host: hostname(), url: request.url, version: process.version }));
}).listen(8080, () => console.log('listening'));
`;

/** Builds a small image on the real base layer: Node and a server of a few lines. Returns the path of its archive. */
export async function buildProbeImage(dir: string, ref: string): Promise<string> {
  const base = await baseLayer(join(import.meta.dirname, '..', '..'), { progress: silentProgress });
  const data = Buffer.from(server);
  const app = await writeLayer(
    join(dir, `${ref.replaceAll(/\W/g, '-')}.layer`),
    buildTar([
      { type: 'file', path: 'app/server.mjs', mode: 0o644, data },
      { type: 'file', path: 'app/name', mode: 0o644, data: Buffer.from(ref) },
    ]),
  );
  const archive = join(dir, `${ref.replaceAll(/\W/g, '-')}.tar`);
  const config = { Entrypoint: ['/usr/bin/node', '/app/server.mjs'], User: '65532:65532', WorkingDir: '/app' };
  await writeImage(
    archive,
    buildManifest([base, app], config, () => ref),
    [base, app],
  );
  return archive;
}
