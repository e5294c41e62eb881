import { formatRef, type PipelineRef } from '#contract/names.ts';
import { ports } from '#contract/ports.ts';
import type { Target } from './target.ts';

/** What a person can do now, as commands that work when pasted. */
export function renderInstructions(options: { target: Target; ref: PipelineRef; pipelineFile: string }): string {
  const { target, ref, pipelineFile } = options;
  const { namespace, name } = ref;
  const setUp = [
    ...(target.kubeconfig === undefined ? [] : [`export KUBECONFIG=${target.kubeconfig}`]),
    ...(target.kubectlPath === 'kubectl' ? [] : [`alias kubectl=${target.kubectlPath}`]),
    ...(target.context === undefined ? [] : [`alias kubectl="kubectl --context ${target.context}"`]),
  ];
  const where = `-n ${namespace} -p ${name}${target.context === undefined ? '' : ` --context ${target.context}`}`;
  return `
${formatRef(ref)} is ready. In another terminal:

${setUp.map((line) => `  ${line}`).join('\n')}

  npx sumctl add 1.10 2 --series orders ${where}
  npx sumctl add --file manifests/samples/additions.csv ${where}
  npx sumctl total ${where}
  npx sumctl verify ${where}

  kubectl -n ${namespace} get sumpipelines,pods
  kubectl -n ${namespace} describe sumpipeline ${name}
  kubectl -n ${namespace} delete -f ${pipelineFile}     # the totals are kept
  kubectl -n ${namespace} apply -f ${pipelineFile}      # and resumed

  kubectl -n ${namespace} port-forward deployment/${name}-aggregator ${ports.admin} &
  curl -s http://127.0.0.1:${ports.admin}/metrics

Ctrl-C takes everything down; what Kafka and PostgreSQL hold stays for the next start (--fresh discards it).
`;
}
