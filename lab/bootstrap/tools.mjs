/**
 * A program that we need and cannot install ourselves.
 *
 * @typedef {object} Tool
 * @property {string} name as a person knows it
 * @property {readonly number[]} atLeast the lowest version that does; empty: any
 * @property {string} why what it is for
 * @property {(system: System) => string} bring the command that brings it
 *
 * @typedef {object} System
 * @property {string} arch as Go and Debian call it: amd64, arm64
 * @property {string} nodePackage the npm package that holds Node for this machine
 * @property {string} command what was asked for, to be repeated with sudo
 *
 * @typedef {object} Missing
 * @property {Tool} tool
 * @property {string | undefined} found the version that is there but too old; undefined: nothing is there
 * @property {System} system
 */

/** @type {Record<'node' | 'npm' | 'go' | 'java' | 'maven' | 'generatorJava' | 'root' | 'git' | 'utilLinux' | 'cpp', Tool>} */
export const tools = {
  node: {
    name: 'Node',
    atLeast: [20],
    why: 'runs npm; Node 24 itself comes as an npm package',
    bring: ({ nodePackage }) => `npm install --global ${nodePackage}@24`,
  },
  npm: {
    name: 'npm',
    atLeast: [],
    why: 'brings Node 24 and every library',
    bring: () => 'apt-get install --yes npm',
  },
  git: {
    name: 'git',
    atLeast: [],
    why: 'tells the linter and the tests which files are ours',
    bring: () => 'apt-get install --yes git',
  },
  utilLinux: {
    name: 'util-linux',
    atLeast: [],
    why: 'flock keeps two installs apart, setpriv lets no server outlive us',
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
    why: 'fetches Kafka',
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
 * The first version in what a program says about itself: `v20.20.2`, `go1.26.8`, `openjdk version "17.0.15"`. Java's old
 * `1.8` is 8. Undefined when there is none.
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
 * One message for everything that is missing: what, why, what was found, and the command that brings it.
 *
 * @param {readonly Missing[]} missing
 */
export function describeMissing(missing) {
  const lines = missing.map(({ tool, found, system }) => {
    const version = tool.atLeast.length === 0 ? '' : ` >= ${tool.atLeast.join('.')}`;
    const seen = found === undefined ? '' : ` (found ${found})`;
    return `  ${tool.name}${version}${seen}: ${tool.why}\n      ${tool.bring(system)}`;
  });
  return ['Missing on this machine; install them and run this again:', ...lines].join('\n');
}
