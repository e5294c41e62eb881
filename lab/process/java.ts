import { dirname } from 'node:path';
import { findJava } from '#lab/bootstrap/java.mjs';

/** Returns the path of a `java` of at least this version. Throws an error that says how to install Java. */
export function requireJava(major: number, what: string, env: NodeJS.ProcessEnv = process.env): string {
  const { command, newest } = findJava(major, env);
  if (command !== undefined) return command;
  const found = newest === undefined ? 'found none' : `the newest found is ${newest}`;
  throw new Error(
    `${what} needs Java >= ${major}: ${found} in JAVA_HOME, PATH, /usr/lib/jvm/* and /opt/*. ${howToGet(major)}`,
  );
}

/** Returns the JAVA_HOME of a `java`, for programs such as Maven that read this variable. */
export function javaHomeOf(command: string): string {
  return dirname(dirname(command));
}

function howToGet(major: number): string {
  return major <= 17
    ? `On Debian: apt-get install openjdk-17-jdk-headless`
    : `On Debian 13 and later: apt-get install openjdk-${major}-jdk-headless; elsewhere install any JDK ${major} and export JAVA_HOME=<its folder>`;
}
