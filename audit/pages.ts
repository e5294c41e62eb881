import { isHole, type LogItem } from './judge/log.ts';

export interface LogPage {
  readonly from: bigint;
  readonly to: bigint;
  readonly items: readonly LogItem[];
}

/** Splits the items of a partition into pages of `size` offsets. The last page may be smaller. Holes are split too. */
export async function* intoPages(items: AsyncIterable<LogItem>, first: bigint, size: bigint): AsyncGenerator<LogPage> {
  let from = first;
  let next = first;
  let page: LogItem[] = [];
  for await (const item of items) {
    const end = isHole(item) ? item.to : item.offset + 1n;
    while (next < end) {
      const to = end < from + size ? end : from + size;
      page.push(isHole(item) ? { ...item, from: next, to } : item);
      next = to;
      if (next - from < size) continue;
      yield { from, to: next, items: page };
      from = next;
      page = [];
    }
  }
  if (page.length > 0) yield { from, to: next, items: page };
}
