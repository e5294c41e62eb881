import { execFile } from 'node:child_process';
import { copyFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cachedBuild } from '#lab/cache.ts';
import type { Progress } from '#lab/progress.ts';
import { javaHomeOf, requireJava } from './java.ts';

const run = promisify(execFile);

/** Maven's plugin, with a pinned version: otherwise Maven would take the newest version of the day. */
const copyDependencies = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies';

const timeoutMs = 10 * 60_000;

/** Returns the folder with every jar that `pomFile` needs at run time. Maven downloads the jars once. */
export async function fetchJars({
  name,
  pomFile,
  progress,
}: {
  name: string;
  pomFile: string;
  progress: Progress;
}): Promise<string> {
  return cachedBuild({
    name,
    inputs: [await readFile(pomFile), copyDependencies],
    progress,
    async build(dir, { log }) {
      // Maven writes files beside the pom, so a copy outside the tree is used.
      const work = await mkdtemp(join(tmpdir(), 'sumpipeline-maven-'));
      try {
        await copyFile(pomFile, join(work, 'pom.xml'));
        const env = { ...process.env, JAVA_HOME: javaHomeOf(requireJava(17, 'Maven')) };
        const args = ['-B', '-ntp', '-f', join(work, 'pom.xml'), copyDependencies];
        await run('mvn', [...args, `-DoutputDirectory=${dir}`, '-DincludeScope=runtime'], {
          env,
          timeout: timeoutMs,
        }).then(
          ({ stdout }) => writeFile(log, stdout),
          async (error: Error & { stdout?: string; stderr?: string }) => {
            await writeFile(log, `${error.stdout ?? ''}${error.stderr ?? ''}`);
            throw new Error(`Maven could not download the jars of ${name}; see its output above`, { cause: error });
          },
        );
      } finally {
        await rm(work, { recursive: true, force: true });
      }
      if ((await readdir(dir)).length === 0) throw new Error(`Maven downloaded no jar for ${name}`);
    },
  });
}
