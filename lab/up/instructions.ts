import { relative } from 'node:path';
import { shellWord } from '#cli/output/shell.ts';
import { formatRef, type PipelineRef } from '#contract/names.ts';
import { ports } from '#contract/ports.ts';
import type { Target } from './target.ts';

export interface InstructionsOptions {
  readonly target: Target;
  readonly ref: PipelineRef;
  /** What was applied: absolute. */
  readonly pipelineFile: string;
  /** The repository: absolute. */
  readonly root: string;
  /** A load rises and falls, and the aggregators follow it. */
  readonly scale?: boolean;
}

/** What a person can do now, as commands that work when pasted, whatever folder the other terminal opens in. */
export function renderInstructions({ target, ref, pipelineFile, root, scale = false }: InstructionsOptions): string {
  const { namespace, name } = ref;
  const { kubeconfig, context, kubectlPath } = target;
  const setUp = [
    `cd ${shellWord(root)}`, // npx finds sumctl there and nowhere else
    ...(kubeconfig === undefined ? [] : [`export KUBECONFIG=${shellWord(kubeconfig)}`]),
    ...(kubectlPath === 'kubectl' ? [] : [`alias kubectl=${shellWord(kubectlPath)}`]),
    ...(context === undefined ? [] : [`alias kubectl=${shellWord(`kubectl --context ${shellWord(context)}`)}`]),
  ];
  const where = `-n ${namespace} -p ${name}${context === undefined ? '' : ` --context ${shellWord(context)}`}`;
  const file = shellWord(pipelineFile.startsWith(`${root}/`) ? relative(root, pipelineFile) : pipelineFile);
  return `
${formatRef(ref)} is ready. In another terminal:

${setUp.map((line) => `  ${line}`).join('\n')}

${scale ? watching(namespace, where) : ''}  npx sumctl add 1.10 2 --series orders ${where}
  npx sumctl add --file manifests/samples/additions.csv ${where}
  npx sumctl total ${where}
  npx sumctl verify ${where}

  kubectl -n ${namespace} get sumpipelines,pods
  kubectl -n ${namespace} describe sumpipeline ${name}
  kubectl -n ${namespace} delete -f ${file}     # the totals are kept
  kubectl -n ${namespace} apply -f ${file}      # and resumed

  kubectl -n ${namespace} port-forward deployment/${name}-aggregator ${ports.admin} &
  curl -s --retry 10 --retry-connrefused --retry-delay 1 http://127.0.0.1:${ports.admin}/metrics

Ctrl-C takes everything down; ${scale ? 'before that every total is compared with what was acknowledged.' : 'what Kafka and PostgreSQL hold stays for the next start (--fresh discards it).'}
`;
}

/** The load changes every few minutes; kubectl shows one kind at a time when it watches. */
function watching(namespace: string, where: string): string {
  return `  kubectl -n ${namespace} get hpa -w
  kubectl -n ${namespace} get sump -w
  npx sumctl status ${where}       # why there are so many

`;
}
