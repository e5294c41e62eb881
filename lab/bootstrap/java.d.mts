/** The types of java.mjs, which is plain JavaScript because the bootstrap uses it before anything is installed. */
export function findJava(
  major: number,
  env: NodeJS.ProcessEnv,
  folders?: readonly string[],
): { readonly command?: string; readonly newest?: string };
