import { type Command, Option } from 'commander';
import { z } from 'zod';
import { usageError } from '#cli/exit.ts';
import { named, namespaceName, parseOptions } from '#cli/options.ts';
import type { Component } from '#contract/names.ts';

/** How a pipeline is named and reached, as given on the command line. */
export interface ConnectionOptions {
  readonly namespace: string | undefined;
  readonly context: string | undefined;
  readonly kubeconfig: string | undefined;
  readonly pipeline: string | undefined;
  readonly calculatorUrl: string | undefined;
  readonly aggregatorUrl: string | undefined;
}

export function addKubernetesOptions(command: Command): Command {
  return command
    .addOption(new Option('-n, --namespace <name>', 'namespace of the pipeline (default: that of the context)'))
    .addOption(new Option('--context <name>', 'context of the kubeconfig (default: the current one)'))
    .addOption(new Option('--kubeconfig <file>', 'kubeconfig to use (default: as kubectl finds it)'));
}

const directOptions = {
  calculator: ['--calculator-url <url>', 'talk to this calculator without Kubernetes: http://... or grpc://host:port'],
  aggregator: ['--aggregator-url <url>', 'talk to this aggregator without Kubernetes: http://...'],
} as const;

/** The options of every verb that talks to a pipeline, and to which of its services. */
export function addConnectionOptions(command: Command, component: Component): Command {
  const [flags, description] = directOptions[component];
  return addKubernetesOptions(command)
    .addOption(new Option('-p, --pipeline <name>', 'the SumPipeline (default: the only one in the namespace)'))
    .addOption(new Option(flags, description));
}

const connectionSchema = z.object({
  namespace: namespaceName.optional(),
  context: named.optional(),
  kubeconfig: named.optional(),
  pipeline: named.optional(),
  calculatorUrl: named.optional(),
  aggregatorUrl: named.optional(),
});

export function readConnectionOptions(command: Command): ConnectionOptions {
  const options = parseOptions(connectionSchema, command);
  const { namespace, context, kubeconfig, pipeline, calculatorUrl, aggregatorUrl } = options;
  for (const [option, url, protocols] of [
    ['--calculator-url', calculatorUrl, /^(https?|grpc):$/],
    ['--aggregator-url', aggregatorUrl, /^https?:$/],
  ] as const) {
    if (url !== undefined && !protocols.test(protocolOf(url))) {
      throw usageError(`${option} must be a URL such as http://127.0.0.1:8080, not "${url}"`);
    }
  }
  if (calculatorUrl ?? aggregatorUrl) {
    const useless = {
      '--namespace': namespace,
      '--context': context,
      '--kubeconfig': kubeconfig,
      '--pipeline': pipeline,
    };
    const given = Object.entries(useless).find(([, value]) => value !== undefined);
    if (given !== undefined) {
      throw usageError(`${given[0]} is for pipelines in Kubernetes; with a URL it means nothing: leave one out`);
    }
  }
  return { namespace, context, kubeconfig, pipeline, calculatorUrl, aggregatorUrl };
}

function protocolOf(url: string): string {
  return URL.canParse(url) ? new URL(url).protocol : '';
}
