import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cachedBuild } from '#lab/cache.ts';
import { requireJava } from '#lab/process/java.ts';
import type { Progress } from '#lab/progress.ts';

/**
 * Returns the path of an AppCDS archive: a file with Kafka's classes in the JVM's memory format. A broker makes the
 * file once. With the file a broker starts in 1.6 instead of 2.6 seconds of processor time, and the tests start many
 * brokers. Returns undefined if the file cannot be made. A JVM that cannot use the file starts without it.
 */
export async function archiveClasses(request: {
  /** The folder that holds the jars. */
  readonly jars: string;
  readonly progress: Progress;
  /** Starts a broker with these JVM options in the folder `dir`, then ends the broker cleanly. */
  train(dir: string, jvmOptions: readonly string[]): Promise<void>;
}): Promise<string | undefined> {
  const { jars, progress, train } = request;
  try {
    const entry = await cachedBuild({
      name: 'kafka-classes',
      inputs: [jars, requireJava(17, 'Kafka')],
      progress,
      async build(dir) {
        const work = await mkdtemp(join(tmpdir(), 'sumpipeline-kafka-'));
        try {
          await train(join(work, 'kafka'), [`-XX:ArchiveClassesAtExit=${join(dir, archiveName)}`]);
        } finally {
          await rm(work, { recursive: true, force: true });
        }
        if (!existsSync(join(dir, archiveName))) throw new Error('the JVM wrote no archive of its classes');
      },
    });
    return join(entry, archiveName);
  } catch (error) {
    progress.note(
      `Kafka starts more slowly, without an archive of its classes: ${error instanceof Error ? error.message : String(error)}`,
    );
    return undefined;
  }
}

const archiveName = 'kafka.jsa';
