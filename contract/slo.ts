/** stand-in until branch signal is merged */
export const slos = {
  availability: { objective: 0.999 },
  acknowledgement: { quantile: 0.99, withinMs: 250 },
  freshness: { quantile: 0.99, withinMs: 5000 },
} as const;
