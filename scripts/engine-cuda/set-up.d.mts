// Types of set-up.mjs for the TypeScript tests that import it.

export interface SetUp {
  readonly already: boolean;
  readonly folder: string;
  readonly version: string;
  readonly cudaVersion?: number;
  readonly proven: boolean;
  readonly cuda?: boolean;
  readonly tensorrt?: { readonly works: boolean; readonly why?: string };
}

export function setUpProviders(
  packageFolder: string,
  options: { readonly from?: string; readonly again?: boolean; readonly 'no-proof'?: boolean },
): Promise<SetUp>;
