import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cachedBuild } from '#lab/cache.ts';
import { requireJava } from '#lab/process/java.ts';
import { fetchJars } from '#lab/process/maven.ts';
import { type Progress, silentProgress } from '#lab/progress.ts';
import { type CrdSet, readCrdSet } from './crds.ts';

const run = promisify(execFile);

/** Strimzi's Java class of each CRD, by CRD name: for kinds that the operator uses and kinds in manifests/dev. */
const kinds = {
  'kafkatopics.kafka.strimzi.io': 'io.strimzi.api.kafka.model.topic.KafkaTopic',
  'kafkausers.kafka.strimzi.io': 'io.strimzi.api.kafka.model.user.KafkaUser',
  'kafkas.kafka.strimzi.io': 'io.strimzi.api.kafka.model.kafka.Kafka',
  'kafkanodepools.kafka.strimzi.io': 'io.strimzi.api.kafka.model.nodepool.KafkaNodePool',
};

/** The options of Strimzi's own build, for the v1 API only. */
const options = '--label app:strimzi --target-kube 1.16+ --crd-api-version v1 --api-versions v1 --storage-version v1';

const javaMajor = 21;
const timeoutMs = 60_000;

/** Returns the CRDs of Strimzi 1.2.0, made by Strimzi's own generator, which needs Java 21. */
export async function strimziCrds({
  progress = silentProgress,
  env = process.env,
}: {
  progress?: Progress;
  env?: NodeJS.ProcessEnv;
} = {}): Promise<CrdSet> {
  const pomFile = join(import.meta.dirname, 'pom.xml');
  const path = await cachedBuild({
    name: 'strimzi-crds',
    inputs: [await readFile(pomFile), JSON.stringify(kinds), options],
    progress,
    async build(dir) {
      const java = requireJava(javaMajor, "Strimzi's CRD generator", env);
      const jars = await fetchJars({ name: 'strimzi-generator', pomFile, progress });
      const outputs = Object.entries(kinds).map(([name, type]) => `${type}=${join(dir, `${name}.yaml`)}`);
      const args = ['-cp', `${jars}/*`, 'io.strimzi.crdgenerator.CrdGenerator', ...options.split(' '), '--yaml'];
      await run(java, [...args, ...outputs], { timeout: timeoutMs }).catch((cause: Error) => {
        throw new Error("Strimzi's CRD generator failed", { cause });
      });
    },
  });
  return readCrdSet(path);
}
