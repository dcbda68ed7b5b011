// Types of set-up.mjs for the tests that import it.

export interface ProviderFiles {
  readonly packageFolder: string;
  readonly folder: string;
  readonly names: readonly string[];
  readonly version: string;
}

export interface SetUp {
  readonly already: boolean;
  readonly folder: string;
  readonly version: string;
  readonly cudaVersion?: number;
  readonly proven: boolean;
  readonly cuda?: boolean;
  readonly tensorrt?: { readonly works: boolean; readonly why?: string };
}

export function providerFiles(packageFolder: string, system?: { platform: string; arch: string }): ProviderFiles;
export function missingFiles(files: Pick<ProviderFiles, 'names'>, folder: string): string[];
export function setUpProviders(
  packageFolder: string,
  options: { readonly from?: string; readonly again?: boolean; readonly 'no-proof'?: boolean },
): Promise<SetUp>;
