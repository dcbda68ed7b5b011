import { Option, type Command } from 'commander';
import { parseSpec, requestedSpecSchema, type RequestedSpec } from '../spec/feature-spec.js';

export type FeatureFlags = Readonly<Partial<Record<keyof RequestedSpec, string>>> & { readonly weights?: string };

/** The spec given by the flags of a command; other flags are ignored. @throws CairnError as `parseSpec`. */
export function specFromFlags(flags: FeatureFlags): RequestedSpec {
  return parseSpec(Object.fromEntries(Object.entries(flags).filter(([name]) => name in requestedSpecSchema.shape)));
}

/** The flags for features and weights, shared by all commands that compute features here. */
export function addFeatureFlags(command: Command): Command {
  return addRequestFlags(command).option(
    '--weights <spec>',
    'FILE (.h5, .safetensors, .npz) or seeded[:N] (default: the file in CAIRN_WEIGHTS_DIR, else seeded)',
  );
}

/** The flags for features alone, from the schema of the spec: a server has weights of its own. */
export function addRequestFlags(command: Command): Command {
  for (const [name, field] of Object.entries(requestedSpecSchema.shape)) {
    command.option(`--${name} <${name}>`, field.meta()?.description ?? '', field.parse(undefined)?.toString());
  }
  return addNoStage5(command).addHelpText(
    'after',
    '\n`cairn models` lists the models, `cairn describe MODEL` their levels.',
  );
}

/** The short form of `--stage5 false`. */
export function addNoStage5(command: Command): Command {
  return command.addOption(new Option('--no-stage5', 'the same as --stage5 false').preset('false'));
}
