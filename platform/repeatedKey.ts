/**
 * Returns the first key that occurs twice in one object, as it is written. Undefined if no key repeats. JSON.parse
 * takes the last of two values, but another reader may take the first, so they would add different numbers. The text
 * must be valid JSON.
 */
export function findRepeatedKey(json: string): string | undefined {
  const open: Set<string>[] = [];
  let lastString = '';
  for (const [token] of json.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\]:]/g)) {
    if (token === '{' || token === '[') open.push(new Set());
    else if (token === '}' || token === ']') open.pop();
    else if (token === ':') {
      // Resolve escapes: "\u0061" and "a" are the same key.
      const key = String(JSON.parse(lastString));
      const keys = open.at(-1);
      if (keys?.has(key)) return lastString;
      keys?.add(key);
    } else lastString = token;
  }
  return undefined;
}
