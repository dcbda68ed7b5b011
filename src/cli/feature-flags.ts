import type { Command } from 'commander';
import { DEFAULT_MODEL } from '../backbone/catalogue.js';
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

/** The flags that say which features are wanted; a server has weights of its own. */
export function addRequestFlags(command: Command): Command {
  return command
    .option('--model <name>', 'catalogue entry', DEFAULT_MODEL)
    .option(
      '--levels <names>',
      'comma-separated levels (default: P2–P6 where the weights hold a pyramid, else C2 and above)',
    )
    .option('--dtype <type>', 'float16 or float32', 'float16')
    .option('--precision <type>', 'what the network computes in: float32, or float16 (for GPUs)', 'float32')
    .option('--size <pixels>', 'side of the square canvas, a multiple of 32', '1024')
    .option('--stage5 <boolean>', 'false leaves stage 5, and with it C5, out', 'true');
}
