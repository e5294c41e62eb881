const unitMs: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Converts a retention such as `30d` to Kafka's `retention.ms`; -1 (no limit) if unset. The schema checks the text. */
export function retentionMs(retention: string | undefined): number {
  if (retention === undefined) return -1;
  return Number(retention.slice(0, -1)) * (unitMs[retention.slice(-1)] ?? 0);
}
