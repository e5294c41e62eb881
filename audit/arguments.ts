const positionPattern = /^(\d{1,9}):(\d{1,18})$/;
/** Maximum number of positions: one per partition. The operator makes no topic with more partitions. */
const positionsMax = 1024;

/**
 * Parses the value of `--to`: `partition:offset,partition:offset`, the last positions to compare. Returns as `to` the
 * offset plus one of each partition. `problem` ends a sentence that begins with `--to`.
 */
export function parseTo(
  text: string,
): { readonly ok: true; readonly to: Map<number, bigint> } | { readonly ok: false; readonly problem: string } {
  const to = new Map<number, bigint>();
  if (text === '') return { ok: true, to };
  const positions = text.split(',');
  if (positions.length > positionsMax) return { ok: false, problem: `names more than ${positionsMax} positions` };
  for (const position of positions) {
    const [, partition, offset] = positionPattern.exec(position) ?? [];
    if (partition === undefined || offset === undefined) {
      const example = 'must be positions such as "0:41,3:7" (partition:offset)';
      return { ok: false, problem: `${example}, not "${position.slice(0, 40)}"` };
    }
    if (to.has(Number(partition))) return { ok: false, problem: `names partition ${Number(partition)} twice` };
    to.set(Number(partition), BigInt(offset) + 1n);
  }
  return { ok: true, to };
}
