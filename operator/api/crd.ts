import { apiGroup, apiVersion, kind } from '#contract/names.ts';
import { pipelineSchema } from './pipeline.ts';
import { type StructuralSchema, toStructural } from './structural.ts';

export const plural = 'sumpipelines';
export const crdName = `${plural}.${apiGroup}`;

/** Columns of `kubectl get sump`. A column with priority 1 appears only with `-o wide`. */
const columns = [
  column('Ready', condition('Ready', 'status'), 'Whether everything is as wanted.'),
  column('Reason', condition('Ready', 'reason'), 'Why the pipeline is ready or not.'),
  column('Calculators', '.status.calculator.replicas', 'Ready and wanted calculators.'),
  column('Aggregators', '.status.aggregator.replicas', 'Ready and wanted aggregators.'),
  column('Exact', condition('TotalExact', 'status'), 'Whether the totals are proven exact.'),
  { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
  { ...column('Image', '.status.image', 'Image of the pods.'), priority: 1 },
  { ...column('Bootstrap', '.status.bootstrap', 'Addresses of Kafka.'), priority: 1 },
  { ...column('Topic', '.status.topic', 'The topic that is the log.'), priority: 1 },
  { ...column('Message', condition('Ready', 'message'), 'What was seen and what to do next.'), priority: 1 },
];

/**
 * Builds the CustomResourceDefinition of SumPipeline. It has no subresource `/scale`: the API server would return 500
 * for a SumPipeline that does not set `replicas`.
 */
export function buildCrd() {
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: crdName, labels: { 'app.kubernetes.io/name': 'sumpipeline' } },
    spec: {
      group: apiGroup,
      scope: 'Namespaced',
      names: {
        plural,
        singular: 'sumpipeline',
        kind,
        listKind: `${kind}List`,
        shortNames: ['sump'],
        categories: ['sum'],
      },
      versions: [
        {
          name: apiVersion.slice(apiGroup.length + 1),
          served: true,
          storage: true,
          subresources: { status: {} },
          additionalPrinterColumns: columns,
          schema: { openAPIV3Schema: buildSchema() },
        },
      ],
    },
  };
}

/**
 * Builds the schema in the CRD. The API server itself defines apiVersion, kind and metadata, so the schema has almost
 * nothing about them.
 */
export function buildSchema(): StructuralSchema {
  const schema = toStructural(pipelineSchema);
  return {
    ...schema,
    required: ['spec'],
    properties: {
      ...schema.properties,
      apiVersion: { description: `${apiVersion}.`, type: 'string' },
      kind: { description: `${kind}.`, type: 'string' },
      // The rule about the name of a SumPipeline reads `metadata.name`. The API server defines all other fields of
      // metadata.
      metadata: { type: 'object', properties: { name: { type: 'string' } } },
    },
  };
}

function condition(type: string, field: string): string {
  return `.status.conditions[?(@.type=="${type}")].${field}`;
}

function column(name: string, jsonPath: string, description: string) {
  return { name, type: 'string', jsonPath, description };
}
