/** A word that a shell reads back as it is. */
export function shellWord(word: string): string {
  return /^[-\w./:@%+=]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
