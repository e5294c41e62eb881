/** One part of the Tiltfile that the local cluster leaves out. */
export interface LeftOut {
  readonly what: string;
  readonly why: string;
}

/** Finds the parts that were left out: tilt/local.tilt prints a line for each of them in the output of Tilt. */
export function findLeftOut(lines: readonly string[]): LeftOut[] {
  return lines.flatMap((line) => {
    const [, what, why] = /Left out: (.+?): (.+)$/.exec(line) ?? [];
    return what === undefined || why === undefined ? [] : [{ what, why }];
  });
}

export function renderLeftOut(parts: readonly LeftOut[]): string {
  if (parts.length === 0) throw new Error('Tilt printed no left out parts; check tilt/local.tilt');
  return ['Left out on this machine:', ...parts.map(({ what, why }) => `- ${what}\n    ${why}`)].join('\n');
}
