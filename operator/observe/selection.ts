import { formatRef } from '#contract/names.ts';
import type { LiveObject, LivePrometheus, Selector } from './objects.ts';

/** The two selectors of a Prometheus for one kind of object. */
interface Selection {
  /** Selects objects by their labels. If absent, no object is selected. */
  readonly objects: Selector | undefined;
  readonly objectsField: string;
  /** Selects namespaces of objects. If absent, only the namespace of the Prometheus is selected. */
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
 * Explains why monitors or rules have no effect although a Prometheus exists, and what to do. One Prometheus must
 * select all of them, because the rules read the metrics of the monitors. Undefined means that one Prometheus selects
 * all of them, or that this is not known.
 */
export function explainUnselected(
  prometheuses: readonly LivePrometheus[],
  objects: readonly LiveObject[],
): string | undefined {
  const ordered = prometheuses.toSorted((left, right) => (nameOf(left) < nameOf(right) ? -1 : 1));
  const problems = ordered.map((prometheus) => problemsOf(prometheus, objects));
  // The Prometheus with the fewest problems is most likely the intended one.
  const [least] = problems.toSorted((left, right) => left.length - right.length);
  const [first] = least ?? [];
  return first === undefined ? undefined : `no Prometheus selects all monitors and rules. ${first}`;
}

/** Returns one sentence for each object that this Prometheus does not select, with the reason. */
function problemsOf(prometheus: LivePrometheus, objects: readonly LiveObject[]): string[] {
  return objects.toSorted(byKindAndName).flatMap((object) => {
    const select = kinds[object.kind];
    const obstacle = select && obstacleOf(prometheus, object, select(prometheus.spec ?? {}));
    return obstacle === undefined ? [] : [`${object.kind} ${object.metadata.name}: ${obstacle}`];
  });
}

/** Orders objects by kind and name, so that every pass reports the same object. */
function byKindAndName(left: LiveObject, right: LiveObject): number {
  const [one, other] = [left, right].map(({ kind, metadata }) => `${kind}/${metadata.name}`);
  return (one ?? '') < (other ?? '') ? -1 : 1;
}

/** Explains why this Prometheus does not select the object. Undefined if it selects the object or may select it. */
function obstacleOf(prometheus: LivePrometheus, object: LiveObject, selection: Selection): string | undefined {
  const { objects, objectsField, namespaces, namespacesField } = selection;
  const who = `Prometheus ${nameOf(prometheus)}`;
  const { namespace = '', labels = {} } = object.metadata;
  const isNamespaceSeen =
    namespaces === undefined ? namespace === prometheus.metadata.namespace : maySelectNamespace(namespaces, namespace);
  if (!isNamespaceSeen)
    return `${who} does not select namespace ${namespace}; set ${namespacesField} of that Prometheus`;
  if (objects === undefined) return `${who} selects nothing, because its ${objectsField} is not set`;
  const lacking = lackingIn(objects, labels);
  if (lacking.length === 0) return undefined;
  return `${who} requires ${lacking.join(' and ')}; correct spec.monitoring.labels`;
}

/** Returns, as text, the requirements of a label selector that the labels do not meet. */
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
          // A later Kubernetes version may add selector operators. For an unknown operator no problem is reported.
          return [];
      }
    }),
  ];
}

type Labels = Readonly<Record<string, string>>;

const namespaceNameLabel = 'kubernetes.io/metadata.name';

/**
 * Whether the selector may select the namespace. The operator reads no Namespaces, so it knows only the label that
 * every Namespace has: its name. For other labels it assumes a match.
 */
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
