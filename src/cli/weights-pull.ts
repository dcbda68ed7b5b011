import { Command } from 'commander';
import { rename, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { findModel, modelGraph } from '../backbone/catalogue.js';
import { defaultWeights } from '../backbone/weights/default-weights.js';
import { downloadWeights, type Downloadable } from '../backbone/weights/download.js';
import {
  hubReferenceOf,
  parseHubReference,
  resolveHubFile,
  type HubReference,
} from '../backbone/weights/download/hub-file.js';
import { findPublished, publishedPath } from '../backbone/weights/published.js';
import { digestWeights } from '../backbone/weights/weights.js';
import { loadConfig, type Config } from '../config/config.js';
import { readEnv } from '../config/env.js';
import { CairnError } from '../errors.js';
import { megabytes } from './output.js';
import { Progress } from './progress.js';

interface PullFlags {
  readonly as?: string;
  readonly force?: boolean;
  readonly json?: boolean;
}

/** `cairn weights pull`: downloads a published file into the weights folder. */
export function pullCommand(): Command {
  return new Command('pull')
    .description('download published weights into CAIRN_WEIGHTS_DIR and verify them')
    .argument('<name>', 'a name from `cairn weights list`, or hf:OWNER/NAME[/FILE][@REVISION]')
    .option('--as <model>', 'for hf:…: make the file the weights of this model')
    .option('--force', 'replace a different file of that name')
    .option('--json', 'print JSON')
    .action((name: string, flags: PullFlags) => (name.startsWith('hf:') ? pullFromHub : pullPublished)(name, flags));
}

async function pullPublished(name: string, { as, force, json = false }: PullFlags): Promise<void> {
  if (as !== undefined) throw new CairnError('option-invalid', `--as is for hf:…; the model of ${name} is known.`);
  const config = loadConfig(readEnv());
  const entry = findPublished(name);
  const path = publishedPath(entry, config.weightsDir);
  const { digest: stated, model, licence } = entry;
  const { received, digest } = await receive(name, config, force, async (signal) => {
    return stated
      ? { ...entry, digest: stated }
      : { ...entry, ...(await askHub(hubReferenceOf(entry.url), config, signal)) };
  });
  const used = await defaultWeights(model, config.weightsDir);
  if (json) {
    console.log(JSON.stringify({ name, path, model, digest, licence, received, usedByDefault: used === path }));
    return;
  }
  if (received === 0) console.error(`cairn: ${name} is already there`);
  console.log(path);
  console.log(used === path ? `${model} will use it` : `${model} uses ${used}, which takes precedence`);
}

/** A repository of the hub says nothing of Cairn's models: the file is kept under its own name, or checked and renamed. */
async function pullFromHub(name: string, { as, force, json = false }: PullFlags): Promise<void> {
  const config = loadConfig(readEnv());
  const reference = parseHubReference(name);
  const model = as === undefined ? undefined : findModel(as);
  const { path, received, digest } = await receive(name, config, force, async (signal) => {
    return { name: hubName(reference), ...(await askHub(reference, config, signal)) };
  });
  let place = path;
  if (model) {
    await digestWeights(path, modelGraph(model, true));
    place = join(config.weightsDir, model.name + extname(path));
    if (!force && (await stat(place).catch(() => undefined))) {
      throw new CairnError('weights-conflict', `${place} exists; only --force replaces it. The file is at ${path}.`);
    }
    await rename(path, place);
  }
  const used = model && (await defaultWeights(model.name, config.weightsDir));
  if (json) {
    console.log(
      JSON.stringify({ name, path: place, model: model?.name, digest, received, usedByDefault: used === place }),
    );
    return;
  }
  if (received === 0) console.error(`cairn: ${name} is already there`);
  console.log(place);
  if (!model)
    console.log('`cairn weights inspect FILE` shows which models it fits, --as MODEL makes it the weights of one');
  else console.log(used === place ? `${model.name} will use it` : `${model.name} uses ${used}, which takes precedence`);
}

/** `hf--timm--resnet50.a1_in1k`, and with a revision or a file in a folder what tells them apart. */
function hubName({ owner, name, revision, file }: HubReference): string {
  const parts = file?.replace(/\.[a-z0-9]+$/i, '').split('/') ?? [];
  const version = revision === 'main' ? [] : revision.split('/');
  return ['hf', owner, name, ...version, ...parts].join('--');
}

async function askHub(reference: HubReference, { hub, weightsMirror }: Config, signal: AbortSignal) {
  if (weightsMirror !== undefined) {
    const message =
      'The digests of files of the hub are stated by the hub alone: CAIRN_WEIGHTS_MIRROR cannot take its place, HF_ENDPOINT can.';
    throw new CairnError('option-invalid', message);
  }
  return { ...(await resolveHubFile(reference, { ...hub, signal })), token: hub.token };
}

/** Downloads what `find` gives into the weights folder, with progress, until a signal stops it. */
async function receive(
  name: string,
  { weightsDir, weightsMirror: mirror }: Config,
  force: boolean | undefined,
  find: (signal: AbortSignal) => Promise<Downloadable & { readonly token?: string | undefined }>,
) {
  const stop = new AbortController();
  // The partial download is kept before the process ends; a second signal ends it at once.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  const { token, ...entry } = await find(stop.signal);
  const path = publishedPath(entry, weightsDir);
  const progress = new Progress({ firstLineMs: 0 });
  try {
    const onProgress = (value: number, total?: number) => {
      const text = `${name}: ${megabytes(value)}${total === undefined ? '' : ` of ${megabytes(total)}`}`;
      progress.show({ value, total, text, eta: true });
    };
    const options = { mirror, force, token, signal: stop.signal, onProgress };
    return { path, digest: entry.digest, received: await downloadWeights(entry, path, options) };
  } finally {
    progress.end();
  }
}
