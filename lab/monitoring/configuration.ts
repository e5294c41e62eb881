import { parse, stringify } from 'yaml';
import { z } from 'zod';

/** The configuration of a Prometheus. */
export interface Configuration {
  /**
   * prometheus.yaml. Relative to its folder, it names rule files as rules/*.yaml and targets as targets/NAMESPACE.json.
   */
  readonly main: string;
  /** Text of each rule file, by the name of the file, which ends in .yaml. */
  readonly rules: Readonly<Record<string, string>>;
}

const discoverySchema = z.looseObject({
  role: z.literal('endpointslice'),
  namespaces: z.object({ names: z.array(z.string()).default([]) }).optional(),
});
const scrapeSchema = z.looseObject({ kubernetes_sd_configs: z.array(discoverySchema).optional() });
const generatedSchema = z.looseObject({
  rule_files: z.array(z.string()).optional(),
  scrape_configs: z.array(scrapeSchema).default([]),
});

/** Placeholders in the generated configuration, with their values. In a pod the reloader replaces them. */
const placeholders = { '$(SHARD)': '0', '$(POD_NAME)': 'prometheus-lab-0' } as const;

/**
 * Adapts a configuration that prometheus-operator made for a pod to a process beside the cluster. Three things change:
 * service discovery reads the files of discovery.ts, rule files have another path, and the placeholders of the pod get
 * their values. Scrape jobs, relabelling, intervals and rules are not changed.
 */
export function adaptConfiguration(generated: Configuration): Configuration {
  let text = generated.main;
  for (const [placeholder, value] of Object.entries(placeholders)) text = text.replaceAll(placeholder, value);
  const { scrape_configs, rule_files, ...rest } = generatedSchema.parse(parse(text));
  const main = {
    ...rest,
    ...(rule_files === undefined ? {} : { rule_files: ['rules/*.yaml'] }),
    scrape_configs: scrape_configs.map(({ kubernetes_sd_configs = [], ...job }) => ({
      ...job,
      file_sd_configs: kubernetes_sd_configs.map(({ namespaces }) => ({ files: filesOf(namespaces?.names ?? []) })),
    })),
  };
  return { main: stringify(main, { lineWidth: 0 }), rules: generated.rules };
}

function filesOf(namespaces: readonly string[]): string[] {
  return namespaces.length === 0 ? ['targets/*.json'] : namespaces.map((namespace) => `targets/${namespace}.json`);
}
