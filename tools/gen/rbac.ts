import { Document, isMap, isSeq, stringify } from 'yaml';
import { apiGroup } from '#contract/names.ts';
import { plural } from '#operator/api/crd.ts';
import {
  type AccessRule,
  clusterRights,
  groupOf,
  kafkaNamespaceRights,
  type OwnedKind,
  operatorName,
  operatorNamespace,
  ownedKinds,
  ownNamespaceRights,
  ownVerbs,
  podRights,
} from '#operator/desired/childKinds.ts';
import type { GeneratedFile } from './generatedFile.ts';
import { generatedHeader } from './yaml.ts';

/**
 * Generates the operator's roles from the ownership table: for all namespaces, for the operator's namespace, and for a
 * namespace of Kafka.
 */
export function generateRbac(): GeneratedFile[] {
  return [
    {
      path: 'manifests/operator/rbac.yaml',
      text: join(
        role('ClusterRole', operatorName, operatorRules()),
        binding('ClusterRole', operatorName),
        role('Role', operatorName, ownNamespaceRights),
        binding('Role', operatorName),
        ...personRoles(),
      ),
    },
    {
      path: 'manifests/kafka-access/rbac.yaml',
      text: join(role('Role', `${operatorName}-kafka`, kafkaRules()), binding('Role', `${operatorName}-kafka`)),
    },
  ];
}

/**
 * Returns the rights in all namespaces: `clusterRights`, the rights that the operator gives to pods, and the rights
 * on each kind of child.
 */
export function operatorRules(): AccessRule[] {
  return [
    ...clusterRights,
    podRights,
    ...ownedKinds.filter(({ namespace }) => namespace === 'pipeline').flatMap(rulesOf),
  ];
}

/** Returns the rights in a namespace of Kafka. The owner of that namespace grants them, so no ClusterRole has them. */
export function kafkaRules(): AccessRule[] {
  return [...kafkaNamespaceRights, ...ownedKinds.filter(({ namespace }) => namespace === 'kafka').flatMap(rulesOf)];
}

function rulesOf(owned: OwnedKind): AccessRule[] {
  const apiGroups = [groupOf(owned.apiVersion)];
  const main = { apiGroups, resources: [owned.plural], verbs: ownVerbs, why: owned.purpose };
  const subresources = Object.entries(owned.subresources ?? {}).map(([name, verbs]) => ({
    apiGroups,
    resources: [`${owned.plural}/${name}`],
    verbs,
    why: `only the subresource ${name} of ${owned.plural} is written, under a separate field manager`,
  }));
  return [main, ...subresources];
}

/** Builds the roles of users: a user who may view, edit or administer a namespace may do so with its pipelines too. */
function personRoles(): string[] {
  const roles = [
    { name: 'view', aggregateTo: ['view', 'edit', 'admin'], verbs: ['get', 'list', 'watch'] },
    { name: 'edit', aggregateTo: ['edit', 'admin'], verbs: ['create', 'update', 'patch', 'delete'] },
  ];
  return roles.map(({ name, aggregateTo, verbs }) => {
    const why = `users who may ${name} a namespace may ${name} its pipelines`;
    const labels = Object.fromEntries(
      aggregateTo.map((to) => [`rbac.authorization.k8s.io/aggregate-to-${to}`, 'true']),
    );
    return role(
      'ClusterRole',
      `sumpipeline-${name}`,
      [{ apiGroups: [apiGroup], resources: [plural], verbs, why }],
      labels,
    );
  });
}

function role(kind: 'Role' | 'ClusterRole', name: string, rules: readonly AccessRule[], labels = {}): string {
  const document = new Document(
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind,
      metadata: { name, labels: { 'app.kubernetes.io/name': operatorName, ...labels } },
      rules: rules.map(({ why: _, ...rule }) => rule),
    },
    { aliasDuplicateObjects: false },
  );
  const nodes = document.get('rules');
  if (isSeq(nodes)) {
    for (const [index, node] of nodes.items.entries()) {
      if (isMap(node)) node.commentBefore = ` ${rules[index]?.why}`;
      if (isMap(node)) for (const { value } of node.items) if (isSeq(value)) value.flow = true;
    }
  }
  return document.toString({ lineWidth: 0, flowCollectionPadding: false });
}

function binding(kind: 'Role' | 'ClusterRole', name: string): string {
  return stringify({
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: `${kind}Binding`,
    metadata: { name, labels: { 'app.kubernetes.io/name': operatorName } },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind, name },
    subjects: [{ kind: 'ServiceAccount', name: operatorName, namespace: operatorNamespace }],
  });
}

function join(...documents: string[]): string {
  return `${generatedHeader}${documents.join('---\n')}`;
}
