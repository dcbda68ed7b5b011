// Types of diagnose.mjs for the tests that import it.

export function diagnose(
  provider: string,
  log: string,
  facts: { driver: boolean; lacking: readonly string[]; cudaVersion?: number },
): { step: string; what: string; remedy: string };
