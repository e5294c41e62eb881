import { apiGroup } from '#contract/names.ts';
import { buildCrd, plural } from '#operator/api/crd.ts';
import type { GeneratedFile } from './generatedFile.ts';
import { generatedHeader, toYaml } from './yaml.ts';

/** Generates the CustomResourceDefinition, and the kustomization that lets other folders include it. */
export function generateCrd(): GeneratedFile[] {
  const file = `${apiGroup}_${plural}.yaml`;
  const kustomization = { apiVersion: 'kustomize.config.k8s.io/v1beta1', kind: 'Kustomization', resources: [file] };
  return [
    { path: `crds/${file}`, text: `${generatedHeader}${toYaml(buildCrd())}` },
    { path: 'crds/kustomization.yaml', text: `${generatedHeader}${toYaml(kustomization)}` },
  ];
}
