// Types of files.mjs for the TypeScript tests that import it.

export interface ProviderFiles {
  readonly packageFolder: string;
  readonly folder: string;
  readonly names: readonly string[];
  readonly version: string;
}

export function providerFiles(packageFolder: string, system?: { platform: string; arch: string }): ProviderFiles;
export function missingFiles(files: Pick<ProviderFiles, 'names'>, folder: string): string[];
