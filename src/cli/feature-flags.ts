import type { Command } from 'commander';
import { parseSpec, requestedSpecSchema, type RequestedSpec } from '../spec/feature-spec.js';

export type FeatureFlags = Readonly<Partial<Record<keyof RequestedSpec, string>>> & { readonly weights?: string };

/** The spec that a command's flags ask for; its other flags are passed over. @throws CairnError as `parseSpec`. */
export function specFromFlags(flags: FeatureFlags): RequestedSpec {
  return parseSpec(Object.fromEntries(Object.entries(flags).filter(([name]) => name in requestedSpecSchema.shape)));
}

/** The flags that say which features are wanted and on which weights, the same for every command that takes them. */
export function addFeatureFlags(command: Command): Command {
  return addRequestFlags(command).option(
    '--weights <spec>',
    'FILE (.h5, .safetensors, .npz) or seeded[:N] (default: the file in CAIRN_WEIGHTS_DIR, else seeded)',
  );
}

/** The flags that say which features are wanted, from the schema of the spec; a server has weights of its own. */
export function addRequestFlags(command: Command): Command {
  for (const [name, field] of Object.entries(requestedSpecSchema.shape)) {
    const fallback = field.parse(undefined) as unknown;
    const value = fallback === undefined ? undefined : String(fallback);
    command.option(`--${name} <${name}>`, field.meta()?.description ?? '', value);
  }
  return command;
}
