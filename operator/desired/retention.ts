const unitMs: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Kafka's `retention.ms` for `30d`; -1 (no limit) when unset. The schema has checked the text. */
export function retentionMs(retention: string | undefined): number {
  if (retention === undefined) return -1;
  return Number(retention.slice(0, -1)) * (unitMs[retention.slice(-1)] ?? 0);
}
