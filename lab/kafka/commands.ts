import { describeExit } from '#lab/process/child.ts';
import { readLogTail } from '#lab/progress.ts';
import { spawnJava } from './java.ts';

/** One of Kafka's own command-line tools, run until it ends. */
export interface Command {
  /** The folder that holds the jars. */
  readonly jars: string;
  /** The folder for the JVM's crash report. */
  readonly dir: string;
  readonly logFile: string;
}

/** Makes the data folder that a properties file names, with one SCRAM user in it. The folder must not exist yet. */
export function formatStorage(
  command: Command,
  request: {
    readonly propertiesFile: string;
    readonly clusterId: string;
    readonly username: string;
    readonly password: string;
  },
): Promise<void> {
  const { propertiesFile, clusterId, username, password } = request;
  return runTool(command, 'kafka.tools.StorageTool', [
    'format',
    `--cluster-id=${clusterId}`,
    `--config=${propertiesFile}`,
    '--add-scram',
    `SCRAM-SHA-512=[name=${username},password=${password}]`,
  ]);
}

/** Adds a SCRAM user to a running cluster, or changes its password. kafkajs has no call for this. */
export function alterScramUser(
  command: Command,
  request: { readonly bootstrapServers: string; readonly username: string; readonly password: string },
): Promise<void> {
  const { bootstrapServers, username, password } = request;
  return runTool(command, 'kafka.admin.ConfigCommand', [
    '--bootstrap-server',
    bootstrapServers,
    '--alter',
    '--entity-type=users',
    `--entity-name=${username}`,
    `--add-config=SCRAM-SHA-512=[password=${password}]`,
  ]);
}

async function runTool({ jars, dir, logFile }: Command, mainClass: string, args: readonly string[]): Promise<void> {
  const child = await spawnJava({ jars, mainClass, args, heap: '128m', logFile, crashDir: dir });
  const exit = await child.exited;
  if (exit.code !== 0) throw new Error(`${mainClass} failed (${describeExit(exit)}):\n${readLogTail(logFile)}`);
}
