// Types of set-up.mjs for the tests that import it.

export interface Built {
  readonly already: boolean;
  readonly libtensorflow: { readonly kind: string; readonly folder: string };
  readonly addon: string;
  readonly proven: boolean;
}

export function setUpAddon(
  packageFolder: string,
  options: { readonly libtensorflow?: string; readonly again?: boolean; readonly 'no-proof'?: boolean },
): Promise<Built>;
export function compileFailure(
  run: { ok: boolean; how: string; stdout: string; stderr: string; shown: boolean },
  headers: string | undefined,
  library: { folder: string },
): Error & { readonly step: string };
