import { type Command, Option } from 'commander';
import { z } from 'zod';
import { usageError } from '#cli/exit.ts';
import { flagOf, named, namespaceName, parseOptions } from '#cli/options.ts';
import type { Component } from '#contract/names.ts';
import { ports } from '#contract/ports.ts';

/** Which pipeline to use and how to reach it, as given on the command line. */
export interface ConnectionOptions {
  readonly namespace: string | undefined;
  readonly context: string | undefined;
  readonly kubeconfig: string | undefined;
  readonly pipeline: string | undefined;
  /** URL of the service that the verb calls. If it is set, all options about Kubernetes are undefined. */
  readonly url: string | undefined;
}

export function addKubernetesOptions(command: Command): Command {
  return command
    .addOption(new Option('-n, --namespace <name>', 'namespace of the pipeline (default: that of the context)'))
    .addOption(new Option('--context <name>', 'context of the kubeconfig (default: the current one)'))
    .addOption(new Option('--kubeconfig <file>', 'kubeconfig to use (default: as kubectl finds it)'));
}

export const urlFlags = { calculator: '--calculator-url', aggregator: '--aggregator-url' } as const;

const urlHelp = {
  calculator: 'talk to this calculator without Kubernetes: http://... or grpc://host:port',
  aggregator: 'talk to this aggregator without Kubernetes: http://...',
} as const;

/** Adds the options of a verb that calls a pipeline. `component` is the service that the verb calls. */
export function addConnectionOptions(command: Command, component: Component): Command {
  return addKubernetesOptions(command)
    .addOption(new Option('-p, --pipeline <name>', 'the SumPipeline (default: the only one in the namespace)'))
    .addOption(new Option(`${urlFlags[component]} <url>`, urlHelp[component]));
}

const connectionSchema = z.object({
  namespace: namespaceName.optional(),
  context: named.optional(),
  kubeconfig: named.optional(),
  pipeline: named.optional(),
  calculatorUrl: named.optional(),
  aggregatorUrl: named.optional(),
});

export function readConnectionOptions(command: Command, component: Component): ConnectionOptions {
  const { calculatorUrl, aggregatorUrl, ...kubernetes } = parseOptions(connectionSchema, command);
  const url = component === 'calculator' ? calculatorUrl : aggregatorUrl;
  const { namespace, context, kubeconfig, pipeline } = kubernetes;
  if (url !== undefined) {
    checkUrl(url, component);
    const given = Object.entries(kubernetes).find(([, value]) => value !== undefined);
    if (given !== undefined) {
      throw usageError(
        `${flagOf(given[0])} is for pipelines in Kubernetes and has no effect with a URL: leave out one of them`,
      );
    }
  }
  return { namespace, context, kubeconfig, pipeline, url };
}

const protocols = { calculator: /^(https?|grpc):$/, aggregator: /^https?:$/ } as const;
const examples = { http: `http://127.0.0.1:${ports.http}`, grpc: `grpc://127.0.0.1:${ports.grpc}` } as const;

/** Throws a usage error for a URL that cannot be dialled. Without this check sumctl would retry until its deadline. */
function checkUrl(url: string, component: Component): void {
  const refuse = (problem: string) => usageError(`${urlFlags[component]} must ${problem}, not "${url}"`);
  const example = component === 'calculator' ? `${examples.http} or ${examples.grpc}` : examples.http;
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined || !protocols[component].test(parsed.protocol) || parsed.hostname === '') {
    throw refuse(`be a URL such as ${example}`);
  }
  const isGrpc = parsed.protocol === 'grpc:';
  // `URL` leaves out the default port of http and https. grpc has no default port.
  if (parsed.port === '0' || (isGrpc && parsed.port === '')) {
    throw refuse(`name a port, as in ${isGrpc ? examples.grpc : examples.http}`);
  }
  if (isGrpc && !/^\/?$/.test(parsed.pathname + parsed.search + parsed.username)) {
    throw refuse(`be host and port alone, as in ${examples.grpc}`);
  }
}
