import { formatRef } from '#contract/names.ts';
import type { LiveObject, LivePrometheus, Selector } from './objects.ts';

/** The selectors of a Prometheus for one kind; each absent one has a meaning of its own. */
interface Selection {
  /** Of objects by their labels; absent: none is selected. */
  readonly objects: Selector | undefined;
  readonly objectsField: string;
  /** Of their namespaces; absent: that of the Prometheus alone. */
  readonly namespaces: Selector | undefined;
  readonly namespacesField: string;
}

const kinds: Readonly<Record<string, (spec: NonNullable<LivePrometheus['spec']>) => Selection>> = {
  ServiceMonitor: ({ serviceMonitorSelector, serviceMonitorNamespaceSelector }) => ({
    objects: serviceMonitorSelector,
    objectsField: 'serviceMonitorSelector',
    namespaces: serviceMonitorNamespaceSelector,
    namespacesField: 'serviceMonitorNamespaceSelector',
  }),
  PrometheusRule: ({ ruleSelector, ruleNamespaceSelector }) => ({
    objects: ruleSelector,
    objectsField: 'ruleSelector',
    namespaces: ruleNamespaceSelector,
    namespacesField: 'ruleNamespaceSelector',
  }),
};

/**
 * Why monitors or rules have no effect although there is a Prometheus for them, and what to do; undefined when one
 * Prometheus selects all of them, or when that cannot be known. One must have all: rules read what monitors bring.
 */
export function explainUnselected(
  prometheuses: readonly LivePrometheus[],
  objects: readonly LiveObject[],
): string | undefined {
  const ordered = prometheuses.toSorted((left, right) => (nameOf(left) < nameOf(right) ? -1 : 1));
  const problems = ordered.map((prometheus) => problemsOf(prometheus, objects));
  // The one that lacks least is the one that is meant.
  const [least] = problems.toSorted((left, right) => left.length - right.length);
  const [first] = least ?? [];
  return first === undefined ? undefined : `no Prometheus selects all monitors and rules. ${first}`;
}

/** What this Prometheus does not select, and why. */
function problemsOf(prometheus: LivePrometheus, objects: readonly LiveObject[]): string[] {
  return objects.toSorted(byKindAndName).flatMap((object) => {
    const select = kinds[object.kind];
    const obstacle = select && obstacleOf(prometheus, object, select(prometheus.spec ?? {}));
    return obstacle === undefined ? [] : [`${object.kind} ${object.metadata.name}: ${obstacle}`];
  });
}

/** So that the message does not change by itself. */
function byKindAndName(left: LiveObject, right: LiveObject): number {
  const [one, other] = [left, right].map(({ kind, metadata }) => `${kind}/${metadata.name}`);
  return (one ?? '') < (other ?? '') ? -1 : 1;
}

/** Why this Prometheus does not select the object; undefined when it does, or may. */
function obstacleOf(prometheus: LivePrometheus, object: LiveObject, selection: Selection): string | undefined {
  const { objects, objectsField, namespaces, namespacesField } = selection;
  const who = `Prometheus ${nameOf(prometheus)}`;
  const { namespace = '', labels = {} } = object.metadata;
  const isNamespaceSeen =
    namespaces === undefined ? namespace === prometheus.metadata.namespace : maySelectNamespace(namespaces, namespace);
  if (!isNamespaceSeen) return `${who} does not look in namespace ${namespace}; set its ${namespacesField}`;
  if (objects === undefined) return `${who} selects none, because its ${objectsField} is not set`;
  const lacking = lackingIn(objects, labels);
  if (lacking.length === 0) return undefined;
  return `${who} selects by ${lacking.join(' and ')}; set that in spec.monitoring.labels`;
}

/** The requirements of a label selector that the labels do not meet, as text. */
function lackingIn({ matchLabels = {}, matchExpressions = [] }: Selector, labels: Labels): string[] {
  return [
    ...Object.entries(matchLabels).flatMap(([key, value]) => (labels[key] === value ? [] : [`${key}=${value}`])),
    ...matchExpressions.flatMap(({ key, operator, values = [] }) => {
      const value = labels[key];
      const isIn = value !== undefined && values.includes(value);
      switch (operator) {
        case 'In':
          return isIn ? [] : [`${key} in (${values.join(', ')})`];
        case 'NotIn':
          return isIn ? [`${key} not in (${values.join(', ')})`] : [];
        case 'Exists':
          return value === undefined ? [`a label ${key}`] : [];
        case 'DoesNotExist':
          return value === undefined ? [] : [`no label ${key}`];
        default:
          // An operator of a later version: nothing is known, so nothing is said.
          return [];
      }
    }),
  ];
}

type Labels = Readonly<Record<string, string>>;

const namespaceNameLabel = 'kubernetes.io/metadata.name';

/** The operator reads no Namespaces. It knows the one label that every Namespace has; other labels may be there. */
function maySelectNamespace(selector: Selector, namespace: string): boolean {
  const { matchLabels = {}, matchExpressions = [] } = selector;
  const wanted = matchLabels[namespaceNameLabel];
  const known: Selector = {
    ...(wanted === undefined ? {} : { matchLabels: { [namespaceNameLabel]: wanted } }),
    matchExpressions: matchExpressions.filter(({ key }) => key === namespaceNameLabel),
  };
  return lackingIn(known, { [namespaceNameLabel]: namespace }).length === 0;
}

function nameOf({ metadata: { namespace = '', name } }: LivePrometheus): string {
  return formatRef({ namespace, name });
}
