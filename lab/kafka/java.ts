import { type Child, spawnChild } from '#lab/process/child.ts';
import { requireJava } from '#lab/process/java.ts';

export interface JavaProgram {
  /** The folder that holds the jars. */
  readonly jars: string;
  readonly mainClass: string;
  readonly args: readonly string[];
  /** Maximum size of the heap, in the format of -Xmx. */
  readonly heap: string;
  readonly logFile: string;
  /** More options of the JVM. Default none. */
  readonly jvmOptions?: readonly string[];
  /** The folder for the JVM's crash report, which would otherwise be written to the current folder. */
  readonly crashDir: string;
}

/**
 * Starts a JVM with settings for a quick start and little memory: one compiler tier and the serial collector are
 * enough for a test.
 */
export function spawnJava({
  jars,
  mainClass,
  args,
  heap,
  logFile,
  crashDir,
  jvmOptions = [],
}: JavaProgram): Promise<Child> {
  return spawnChild({
    command: requireJava(17, 'Kafka'),
    args: [
      `-Xmx${heap}`,
      '-Xms64m',
      '-XX:+UseSerialGC',
      '-XX:TieredStopAtLevel=1',
      ...jvmOptions,
      `-XX:ErrorFile=${crashDir}/jvm-crash-%p.log`,
      '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
      '-Dorg.slf4j.simpleLogger.showDateTime=true',
      '-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd HH:mm:ss.SSS',
      '-cp',
      // Java itself expands the star, not a shell.
      `${jars}/*`,
      mainClass,
      ...args,
    ],
    logFile,
  });
}
