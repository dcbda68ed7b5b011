// Types of install.mjs for the TypeScript tests that import it.

export interface Made {
  readonly already: boolean;
  readonly libtensorflow: { readonly kind: string; readonly folder?: string };
  readonly addon: string;
  readonly proven: boolean;
}

export function installAddon(
  options: { readonly libtensorflow?: string; readonly 'no-proof'?: boolean },
  packageFolder: string,
): Promise<Made>;
