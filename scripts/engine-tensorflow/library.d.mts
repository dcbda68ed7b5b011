// Types of library.mjs for the tests that import it.

export interface Library {
  readonly kind: 'wheel' | 'distribution';
  readonly folder: string;
  readonly include: string;
  readonly lib: string;
  readonly library: string;
  readonly framework: string;
}

export interface Surroundings {
  readonly env?: Readonly<Record<string, string>>;
  readonly platform?: string;
  readonly find?: (python: string) => Promise<{ folder?: string; why?: string }>;
}

export function inspectFolder(folder: string): Library;
export function chooseLibrary(
  options: { readonly libtensorflow?: string; readonly python?: string },
  surroundings?: Surroundings,
): Promise<Library>;
export function identityOf(library: Library): Record<string, unknown>;
