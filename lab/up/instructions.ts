import { relative } from 'node:path';
import { shellWord } from '#cli/output/shell.ts';
import { formatRef, type PipelineRef } from '#contract/names.ts';
import { ports } from '#contract/ports.ts';
import type { Target } from './target.ts';

export interface InstructionsOptions {
  readonly target: Target;
  readonly ref: PipelineRef;
  /** The file that was applied, as an absolute path. */
  readonly pipelineFile: string;
  /** The repository, as an absolute path. */
  readonly root: string;
  /** If true, a load rises and falls and the aggregators follow. */
  readonly scale?: boolean;
}

/** Renders commands that the user can run now. They work when pasted, in any folder. */
export function renderInstructions({ target, ref, pipelineFile, root, scale = false }: InstructionsOptions): string {
  const { namespace, name } = ref;
  const { kubeconfig, context, kubectlPath } = target;
  const setUp = [
    `cd ${shellWord(root)}`, // npx finds sumctl only there
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
  kubectl -n ${namespace} apply -f ${file}      # and counting resumes

  kubectl -n ${namespace} port-forward deployment/${name}-aggregator ${ports.admin} &
  curl -s --retry 10 --retry-connrefused --retry-delay 1 http://127.0.0.1:${ports.admin}/metrics

Ctrl-C takes everything down; ${scale ? 'before that every total is compared with the acknowledged additions.' : 'the data of Kafka and PostgreSQL is kept for the next start (--fresh discards it).'}
`;
}

/**
 * Renders the commands that show how the pipeline scales. There are two, because kubectl watches one kind at a time.
 */
function watching(namespace: string, where: string): string {
  return `  kubectl -n ${namespace} get hpa -w
  kubectl -n ${namespace} get sump -w
  npx sumctl status ${where}       # explains the number of aggregators

`;
}
