// Types of toolchain.mjs for the tests that import it.

export function findHeaders(
  options: { nodedir?: string },
  surroundings?: { env?: Readonly<Record<string, string>>; execPath?: string },
): string | undefined;
export function checkCompiler(options?: { python?: string }, env?: Readonly<Record<string, string>>): Promise<void>;
