// Types of libtensorflow.mjs for the TypeScript tests that import it.

export interface Folder {
  readonly kind: 'wheel' | 'distribution';
  readonly folder: string;
  readonly include: string;
  readonly lib: string;
  readonly library: string;
  readonly framework: string;
}

export type Libtensorflow = Folder | { readonly kind: 'prebuilt' };

export interface Wishes {
  readonly libtensorflow?: string;
  readonly prebuilt?: boolean;
  readonly python?: string;
}

export interface Surroundings {
  readonly env?: Readonly<Record<string, string>>;
  readonly platform?: string;
  readonly find?: (python: string) => Promise<{ folder?: string; why?: string }>;
  readonly tell?: (text: string) => void;
}

export function inspectFolder(folder: string): Folder;
export function chooseLibtensorflow(wishes: Wishes, surroundings?: Surroundings): Promise<Libtensorflow>;
export function identityOf(library: Libtensorflow): Record<string, unknown>;
