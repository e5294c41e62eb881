import type { Mutant } from './mutant.ts';

const rows = 'kube/client/kubeconfig.test.ts';

/** Mutants of the rules by which a cluster is found (docs/adr/0036). */
export const clusterMutants: readonly Mutant[] = [
  {
    breaks: 'the first kubeconfig that names an entry wins',
    file: 'kube/client/kubeconfig.ts',
    from: 'maps.toReversed().flatMap',
    to: 'maps.flatMap',
    test: { file: rows, name: 'the first file that names a cluster wins' },
  },
  {
    breaks: 'a relative path starts at the folder of its kubeconfig, not at the current folder',
    file: 'kube/client/kubeconfigFile.ts',
    from: "file === '' ? '' : path.resolve(folder, file)",
    to: "file === '' ? '' : path.resolve(file)",
    test: { file: rows, name: 'a relative certificate authority starts at the folder of its file' },
  },
  {
    breaks: 'no token goes to a server without TLS',
    file: 'kube/client/credentials.ts',
    from: 'if (isPlain) {',
    to: 'if (false) {',
    test: { file: rows, name: 'no token and no password goes to a plain http server' },
  },
];
