import { availableParallelism } from 'node:os';
import { Option, type Command } from 'commander';
import type { BackboneOptions } from '../backbone/backbone.js';
import { loadConfig } from '../config/config.js';
import { readEnv } from '../config/env.js';
import { CairnError } from '../errors.js';
import { chooseDefaultModel, useDefaultModel } from '../spec/default-model.js';
import { parseSpec, requestedSpecSchema, type RequestedSpec } from '../spec/feature-spec.js';

export type FeatureFlags = Readonly<Partial<Record<keyof RequestedSpec, string>>> & { readonly weights?: string };

/** The spec given by the flags of a command; other flags are ignored. @throws CairnError as `parseSpec`. */
export function specFromFlags(flags: FeatureFlags): RequestedSpec {
  return parseSpec(Object.fromEntries(Object.entries(flags).filter(([name]) => name in requestedSpecSchema.shape)));
}

type FieldName = keyof RequestedSpec;
const FIELDS = Object.keys(requestedSpecSchema.shape) as FieldName[];

/**
 * The flags for features and weights, shared by all commands that compute features here; without those for the fields
 * that the command chooses itself.
 */
export function addFeatureFlags(command: Command, chosen: readonly FieldName[] = []): Command {
  return addRequestFlags(command, chosen).option(
    '--weights <spec>',
    'FILE (.h5, .safetensors, .npz, .pth, .pkl) or seeded[:N] (default: the file in CAIRN_WEIGHTS_DIR, else seeded)',
  );
}

/** The flags for features alone, from the schema of the spec: a server has weights of its own. */
export function addRequestFlags(command: Command, chosen: readonly FieldName[] = []): Command {
  for (const name of FIELDS.filter((field) => !chosen.includes(field))) {
    const field = requestedSpecSchema.shape[name];
    // Which model it is depends on the weights that are there, see `setDefaultModel`; on a server, on the server's.
    const fallback = name === 'model' ? undefined : field.parse(undefined)?.toString();
    command.option(`--${name} <${name}>`, field.meta()?.description ?? '', fallback);
  }
  return addNoStage5(command).addHelpText(
    'after',
    '\n`cairn models` lists the models, `cairn describe MODEL` their levels.',
  );
}

/** Before a command that computes features here and names no model. @throws CairnError of the configuration. */
export async function setDefaultModel(command: Command): Promise<void> {
  const names = command.options.map(({ long }) => long);
  if (!names.includes('--model') || !names.includes('--weights') || command.getOptionValue('model') !== undefined)
    return;
  const { defaultModel, weightsDir } = loadConfig(readEnv());
  useDefaultModel(await chooseDefaultModel(defaultModel, weightsDir));
}

/** The short form of `--stage5 false`. */
export function addNoStage5(command: Command): Command {
  return command.addOption(new Option('--no-stage5', 'the same as --stage5 false').preset('false'));
}

export interface EngineFlags {
  readonly engine: string;
  readonly device: string;
  readonly threads: string;
}

/** The flags for what runs the network, shared by all commands that run one. */
export function addEngineFlags(command: Command): Command {
  return command
    .option('--engine <name>', 'auto, onnx or tensorflow', 'auto')
    .option('--device <name>', 'auto, cpu, gpu, cuda, tensorrt, webgpu or wasm', 'auto')
    .option('--threads <count>', 'threads per operation', String(availableParallelism()));
}

/** @throws CairnError `option-invalid`. */
export function engineOptions({ engine, device, threads }: EngineFlags): BackboneOptions {
  return { engine, device, threads: parseCount('threads', threads) };
}

/** @throws CairnError `option-invalid`, naming the flag. */
export function parseCount(flag: string, text: string, least = 1): number {
  const count = /^\d{1,6}$/.test(text) ? Number(text) : -1;
  if (count >= least) return count;
  throw new CairnError('option-invalid', `${flag} must be a number from ${least}, not "${text}".`);
}

export interface ServerFlags {
  readonly server?: string;
}

/** The flag for the server that a command talks to. */
export function addServerFlag(command: Command): Command {
  return command
    .option('--server <url>', 'URL of the server (default: CAIRN_URL, else http://127.0.0.1:8080)')
    .addHelpText('after', '\nCAIRN_API_KEY is the API key, for a server that asks for one.');
}

/** The API key for that server; it has no flag, since other users see the arguments of a command. */
export function apiKey(): string | undefined {
  return loadConfig(readEnv()).apiKey;
}

/** @throws CairnError `option-invalid` for anything but an http URL. */
export function serverOf({ server }: ServerFlags): string {
  if (server === undefined) return loadConfig(readEnv()).serverUrl;
  if (/^https?:\/\//i.test(server) && URL.canParse(server)) return server;
  throw new CairnError('option-invalid', `--server must be a URL such as http://127.0.0.1:8080, not "${server}".`);
}
