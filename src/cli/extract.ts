import { createHash } from 'node:crypto';
import { join, parse } from 'node:path';
import cliProgress from 'cli-progress';
import { Command, Option } from 'commander';
import pLimit from 'p-limit';
import { Backbone, type SessionRequest } from '../backbone/backbone.js';
import { withLevels } from '../spec/default-levels.js';
import { defaultWeights } from '../backbone/weights/default-weights.js';
import { loadConfig } from '../config/config.js';
import { readEnv } from '../config/env.js';
import { softwareVersion } from '../config/version.js';
import { asCairnError, CairnError } from '../errors.js';
import { Extractor, type Extraction } from '../worker/extractor.js';
import { FileStore } from '../features/store/file-store.js';
import { loadZstd } from '../formats/zstd.js';
import { addEngineFlags, engineOptions, type EngineFlags } from './engine-flags.js';
import { addFeatureFlags, specFromFlags, type FeatureFlags } from './feature-flags.js';
import { readImage } from './read-image.js';
import { warnOfSeededWeights } from './seeded-notice.js';

/** One image decodes and one is packed while one runs. */
const IMAGES_IN_FLIGHT = 3;
const EXTENSIONS = { zarr: '.zarr.zip', safetensors: '.safetensors' } as const;

interface Flags extends FeatureFlags, EngineFlags {
  readonly format: keyof typeof EXTENSIONS;
  readonly out: string;
  readonly json?: boolean;
}

/** `cairn extract`: images to files, without a queue. */
export function extractCommand(): Command {
  return addEngineFlags(addFeatureFlags(new Command('extract')))
    .description('compute the features of images and write one file for each')
    .argument('<image...>', 'JPEG, PNG, WebP, TIFF or AVIF files')
    .addOption(
      new Option('--format <format>', 'container of the result').choices(Object.keys(EXTENSIONS)).default('zarr'),
    )
    .option('--out <folder>', 'where the files go', '.')
    .option('--json', 'one line of JSON per image on stdout, and nothing else there')
    .action(extractImages);
}

async function extractImages(images: string[], flags: Flags): Promise<void> {
  const config = loadConfig(readEnv());
  const spec = specFromFlags(flags);
  const weights = flags.weights ?? (await defaultWeights(spec.model, config.weightsDir));
  const request: SessionRequest = { ...(await withLevels(spec, weights)), weights };
  const outputs = nameOutputs(images, EXTENSIONS[flags.format]);
  const backbone = new Backbone(engineOptions(flags));
  const report = new Report(images.length, flags.json ?? false);
  try {
    const { weights: loaded } = await backbone.load(request);
    warnOfSeededWeights(spec.model, loaded.source);
    const { maxPixels } = config;
    const store = new FileStore(flags.out);
    const extractor = new Extractor({
      backbone,
      store,
      zstd: await loadZstd(),
      softwareVersion: softwareVersion(),
      maxPixels,
    });
    const turns = pLimit(IMAGES_IN_FLIGHT);
    await Promise.all(
      images.map((image, index) =>
        turns(async () => {
          try {
            const bytes = await readImage(image);
            const sha256 = createHash('sha256').update(bytes).digest('hex');
            const { format } = flags;
            const result = await extractor.extract({ bytes, sha256 }, request, { format, key: outputs[index]! });
            report.done(image, join(flags.out, result.key), result);
          } catch (error) {
            report.failed(image, asCairnError(error));
          }
        }),
      ),
    );
  } finally {
    report.end();
    await backbone.close();
  }
}

/** Output names, refused before any work when two images would write the same file. */
function nameOutputs(images: readonly string[], extension: string): string[] {
  const owners = new Map<string, string>();
  return images.map((image) => {
    const name = parse(image).name + extension;
    const other = owners.get(name);
    if (other !== undefined) {
      throw new CairnError(
        'output-conflict',
        `${other} and ${image} would both be written to ${name}; extract them into different folders.`,
      );
    }
    owners.set(name, image);
    return name;
  });
}

/** Tells a person on stderr, or a program on stdout, what became of each image. */
class Report {
  private readonly bar: cliProgress.SingleBar | undefined;

  constructor(
    images: number,
    private readonly json: boolean,
  ) {
    if (!process.stderr.isTTY || json) return;
    const format = '{bar} {value}/{total} images, {eta_formatted} left';
    this.bar = new cliProgress.SingleBar(
      { format, stream: process.stderr, hideCursor: true },
      cliProgress.Presets.shades_classic,
    );
    this.bar.start(images, 0);
  }

  done(image: string, path: string, { description, timings, bytes }: Extraction): void {
    const levels = description.levels.map(({ name, shape, dtype, stride }) => ({ name, shape, dtype, stride }));
    const { id, weights, window, scale, originalShape, clipped } = description;
    const line = { image, id, path, levels, timings, weights, window, scale, originalShape, clipped };
    if (this.json) console.log(JSON.stringify(line));
    else this.say(`${image} → ${path} (${(bytes / 1e6).toFixed(1)} MB, run ${timings.run.toFixed(0)} ms)`);
    this.bar?.increment();
  }

  failed(image: string, { code, message }: CairnError): void {
    process.exitCode = 1;
    if (this.json) console.log(JSON.stringify({ image, error: { code, message } }));
    this.say(`cairn: ${image}: ${message} [${code}]`, console.error);
    this.bar?.increment();
  }

  end(): void {
    this.bar?.stop();
  }

  /** On a terminal the bar is the answer; its line is not torn by others, except for failures. */
  private say(text: string, print: (text: string) => void = console.log): void {
    if (!this.bar) print(text);
    else if (print === console.error) print(`\r${text}`);
  }
}
