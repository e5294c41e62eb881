/** One part of the Tiltfile that the local cluster cannot have. */
export interface LeftOut {
  readonly what: string;
  readonly why: string;
}

/** What tilt/local.tilt printed, among all that Tilt printed. */
export function findLeftOut(lines: readonly string[]): LeftOut[] {
  return lines.flatMap((line) => {
    const [, what, why] = /Left out: (.+?): (.+)$/.exec(line) ?? [];
    return what === undefined || why === undefined ? [] : [{ what, why }];
  });
}

export function renderLeftOut(parts: readonly LeftOut[]): string {
  if (parts.length === 0) throw new Error('Tilt did not say what it left out: see tilt/local.tilt');
  return ['Left out on this machine:', ...parts.map(({ what, why }) => `- ${what}\n    ${why}`)].join('\n');
}
