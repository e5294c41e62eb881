import { childName } from '#contract/names.ts';
import type { SumPipeline } from '#operator/api/types.ts';
import { type ChildObject, childOf } from './child.ts';
import { ownership } from './childKinds.ts';
import type { Facts } from './facts.ts';
import { refOf } from './identity.ts';

/**
 * Builds the ConfigMap to which the aggregators write their verdicts. It has no `data`: otherwise the operator would
 * own that field, and each apply would empty it.
 */
export function buildVerdicts(pipeline: SumPipeline, _facts: Facts): ChildObject {
  const name = childName.proof(refOf(pipeline));
  return childOf(pipeline, { owned: ownership.configMap, name, component: 'aggregator' }, {});
}
