import { Command, Option } from 'commander';
import { Backbone, type SessionRequest } from '../backbone/backbone.js';
import { parseSpec } from '../spec/feature-spec.js';
import { centreCrop } from '../backbone/preprocess/centre-crop.js';
import { defaultWeights } from '../backbone/weights/default-weights.js';
import type { Level } from '../backbone/tensor.js';
import { loadConfig } from '../config/config.js';
import { readEnv } from '../config/env.js';
import { addEngineFlags, engineOptions, parseCount, type EngineFlags } from './flags.js';
import { readImage } from './images.js';
import { formatTable, warnOfSeededWeights } from './output.js';

interface Flags extends EngineFlags {
  readonly model: string;
  readonly weights?: string;
  readonly classes: string;
  readonly activation: 'softmax' | 'none';
  readonly size: string;
  readonly cropPct: string;
  readonly top: string;
  readonly json?: boolean;
}

interface Score {
  readonly class: number;
  readonly score: number;
}

/** `cairn classify`: checks a network against its published predictions. */
export function classifyCommand(): Command {
  return addEngineFlags(new Command('classify'))
    .description('run a model with its classifier and print the indices of the best classes')
    .argument('<image...>', 'JPEG, PNG, WebP, TIFF or AVIF files')
    .requiredOption('--model <name>', 'a model of `cairn models`')
    .option('--weights <spec>', 'weights file with the classifier, or seeded[:N] (default: as for extract)')
    .option('--classes <count>', 'outputs of the classifier', '1000')
    .addOption(
      new Option('--activation <name>', 'probabilities or logits').choices(['softmax', 'none']).default('softmax'),
    )
    .option('--size <pixels>', 'side of the square crop, a multiple of 32', '224')
    .option('--crop-pct <share>', 'share of the shorter side that the crop covers', '0.875')
    .option('--top <count>', 'classes to print', '5')
    .option('--json', 'print one line of JSON per image on stdout, and nothing else there')
    .action(classifyImages);
}

async function classifyImages(images: string[], flags: Flags): Promise<void> {
  const config = loadConfig(readEnv());
  const { model, size } = parseSpec({ model: flags.model, size: flags.size });
  const count = parseCount('top', flags.top);
  const request: SessionRequest = {
    model,
    stage5: true,
    levels: ['top'],
    top: {
      includeTop: true,
      classes: parseCount('classes', flags.classes),
      classifierActivation: flags.activation,
    },
    dtype: 'float32',
    precision: 'float32',
    size,
    weights: flags.weights ?? (await defaultWeights(model, config.weightsDir)),
  };
  const backbone = new Backbone(engineOptions(flags));
  try {
    const { weights } = await backbone.load(request);
    warnOfSeededWeights(model, weights.source);
    for (const image of images) {
      const pixels = await centreCrop(await readImage(image), size, Number(flags.cropPct), config.decode);
      const [levels] = await backbone.runBatch(request, pixels, 1);
      const top = best(levels![0]!, count);
      if (flags.json) console.log(JSON.stringify({ image, model, weights, top }));
      else console.log(show(image, top, flags.activation));
    }
  } finally {
    await backbone.close();
  }
}

function best({ tensor }: Level, count: number): Score[] {
  const { buffer, byteOffset, byteLength } = tensor.data;
  const scores = new Float32Array(buffer, byteOffset, byteLength / Float32Array.BYTES_PER_ELEMENT);
  return Array.from(scores, (score, index) => ({ class: index, score }))
    .sort((a, b) => b.score - a.score)
    .slice(0, count);
}

function show(image: string, top: readonly Score[], activation: Flags['activation']): string {
  const title = activation === 'softmax' ? 'probability' : 'logit';
  const rows = top.map(({ class: index, score }) => [String(index), score.toPrecision(6)]);
  return `${image}\n${formatTable(['class', title], rows)}`;
}
