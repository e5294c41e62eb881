/**
 * A program that we need but cannot install ourselves.
 *
 * @typedef {object} Tool
 * @property {string} name the name that users know
 * @property {readonly number[]} atLeast the lowest version that works; empty: any
 * @property {string} why what it is needed for
 * @property {(system: System) => string} bring the command that installs it
 *
 * @typedef {object} System
 * @property {string} arch in Go's and Debian's words: amd64, arm64
 * @property {string} nodePackage the npm package that holds Node for this machine
 * @property {string} command the user's command, to be repeated with sudo
 *
 * @typedef {object} Missing
 * @property {Tool} tool
 * @property {string | undefined} found the installed version that is too old; undefined: not installed
 * @property {System} system
 */

/** @type {Record<'node' | 'npm' | 'go' | 'java' | 'maven' | 'generatorJava' | 'root' | 'git' | 'utilLinux' | 'cpp', Tool>} */
export const tools = {
  node: {
    name: 'Node',
    atLeast: [20],
    why: 'runs npm; npm then installs Node 24 as a package',
    bring: ({ nodePackage }) => `npm install --global ${nodePackage}@24`,
  },
  npm: {
    name: 'npm',
    atLeast: [],
    why: 'installs Node 24 and every library',
    bring: () => 'apt-get install --yes npm',
  },
  git: {
    name: 'git',
    atLeast: [],
    why: 'lists the files of the repository for the linter and the tests',
    bring: () => 'apt-get install --yes git',
  },
  utilLinux: {
    name: 'util-linux',
    atLeast: [],
    why: 'flock prevents two installs at the same time, setpriv ends every server with its parent',
    bring: () => 'apt-get install --yes util-linux',
  },
  go: {
    name: 'Go',
    atLeast: [1, 26],
    why: 'builds Kubernetes and its parts',
    bring: ({ arch }) =>
      `curl -fsSL https://go.dev/dl/go1.26.8.linux-${arch}.tar.gz | tar -C /usr/local -xz && export PATH=/usr/local/go/bin:$PATH`,
  },
  java: {
    name: 'Java',
    atLeast: [17],
    why: 'runs Kafka; looked for in JAVA_HOME, PATH, /usr/lib/jvm/* and /opt/*',
    bring: () => 'apt-get install --yes openjdk-17-jdk-headless',
  },
  maven: {
    name: 'Maven',
    atLeast: [],
    why: 'downloads Kafka',
    bring: () => 'apt-get install --yes maven',
  },
  generatorJava: {
    name: 'Java for Strimzi',
    atLeast: [21],
    why: "runs the generator of Strimzi's CRDs; looked for in JAVA_HOME, PATH, /usr/lib/jvm/* and /opt/*",
    bring: () =>
      'apt-get install --yes openjdk-21-jdk-headless (Debian 13 and later; before: Temurin 21 as https://adoptium.net/installation/linux says, or export JAVA_HOME)',
  },
  cpp: {
    name: 'g++',
    atLeast: [],
    why: "compiles a part of Tilt, the parser of the Tiltfile's language",
    bring: () => 'apt-get install --yes g++',
  },
  root: {
    name: 'root',
    atLeast: [],
    why: 'the local cluster makes namespaces, mounts and network devices',
    bring: ({ command }) => `sudo ${command}`,
  },
};

/**
 * Parses the first version in a program's output: `v20.20.2`, `go1.26.8`, `openjdk version "17.0.15"`. Java's old
 * `1.8` is 8. Undefined if the text has no version.
 *
 * @param {string} text
 * @returns {number[] | undefined}
 */
export function parseVersion(text) {
  const match = /(\d+(?:\.\d+)*)/.exec(text);
  if (!match) return undefined;
  const numbers = match[1].split('.').map(Number);
  return /java|jdk/i.test(text) && numbers[0] === 1 && numbers.length > 1 ? numbers.slice(1) : numbers;
}

/**
 * @param {readonly number[]} version
 * @param {readonly number[]} minimum
 */
export function isAtLeast(version, minimum) {
  for (const [index, wanted] of minimum.entries()) {
    const part = version[index] ?? 0;
    if (part !== wanted) return part > wanted;
  }
  return true;
}

/**
 * Renders one message for all missing tools: each with its purpose, the version that was found, and the command that
 * installs it.
 *
 * @param {readonly Missing[]} missing
 */
export function describeMissing(missing) {
  const lines = missing.map(({ tool, found, system }) => {
    const version = tool.atLeast.length === 0 ? '' : ` >= ${tool.atLeast.join('.')}`;
    const seen = found === undefined ? '' : ` (found ${found})`;
    return `  ${tool.name}${version}${seen}: ${tool.why}\n      ${tool.bring(system)}`;
  });
  return ['Missing on this machine. Install these tools and run the command again:', ...lines].join('\n');
}
