/**
 * The first key that an object of the text has twice, as it is written; undefined if no key repeats. JSON.parse takes
 * the last of two, another reader may take the first, and the two would add different numbers. The text must be valid
 * JSON.
 */
export function findRepeatedKey(json: string): string | undefined {
  const open: Set<string>[] = [];
  let lastString = '';
  for (const [token] of json.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\]:]/g)) {
    if (token === '{' || token === '[') open.push(new Set());
    else if (token === '}' || token === ']') open.pop();
    else if (token === ':') {
      // Escapes are resolved: "\u0061" and "a" are one key.
      const key = String(JSON.parse(lastString));
      const keys = open.at(-1);
      if (keys?.has(key)) return lastString;
      keys?.add(key);
    } else lastString = token;
  }
  return undefined;
}
