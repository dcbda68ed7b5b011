import { createHash } from 'node:crypto';
import { join, parse } from 'node:path';
import { Command, Option } from 'commander';
import pLimit from 'p-limit';
import { Backbone } from '../backbone/backbone.js';
import { withLevels } from '../spec/default-levels.js';
import { findCalibration } from '../backbone/calibration/find-calibration.js';
import { defaultWeights } from '../backbone/weights/default-weights.js';
import { loadConfig } from '../config/config.js';
import { readEnv } from '../config/env.js';
import { softwareVersion } from '../config/version.js';
import { asCairnError, CairnError } from '../errors.js';
import { printable } from '../printable.js';
import { Extractor, type Extraction, type ExtractRequest } from '../worker/extractor.js';
import { FileStore } from '../features/store/file-store.js';
import { loadZstd } from '../formats/zstd.js';
import { addEngineFlags, addFeatureFlags, engineOptions, specFromFlags } from './flags.js';
import type { EngineFlags, FeatureFlags } from './flags.js';
import { findImageProblem, readImage } from './images.js';
import { describeError, megabytes, warnOfSeededWeights } from './output.js';
import { Progress } from './progress.js';

/** One image is decoded and one packed while one runs. */
export const IMAGES_IN_FLIGHT = 3;
const EXTENSIONS = { zarr: '.zarr.zip', safetensors: '.safetensors' } as const;

interface Flags extends FeatureFlags, EngineFlags {
  readonly format: keyof typeof EXTENSIONS;
  readonly calibration?: string;
  readonly out: string;
  readonly json?: boolean;
}

/** `cairn extract`: images to files, without a server. */
export function extractCommand(): Command {
  return addEngineFlags(addFeatureFlags(new Command('extract')))
    .description('compute the features of images and write one file per image')
    .argument('<image...>', 'JPEG, PNG, WebP, TIFF or AVIF files')
    .addOption(new Option('--format <format>', 'file format').choices(Object.keys(EXTENSIONS)).default('zarr'))
    .option('--calibration <file>', 'of `cairn calibrate` (default: the file beside the weights)')
    .option('--out <folder>', 'folder for the files', '.')
    .option('--json', 'print one line of JSON per image on stdout, and nothing else there')
    .action(extractImages);
}

async function extractImages(images: string[], flags: Flags): Promise<void> {
  const config = loadConfig(readEnv());
  const spec = specFromFlags(flags);
  if (flags.format === 'safetensors' && spec.codec === 'jpeg') {
    throw new CairnError('option-invalid', 'codec=jpeg is for archives: safetensors files hold plain elements.');
  }
  const outputOf = (image: string) => parse(image).name + EXTENSIONS[flags.format];
  refuseConflicts(images, outputOf);
  const report = new Report(images.length, flags.json ?? false);
  // A misspelt name or an unmatched pattern need not wait for a network to compile.
  const readable: string[] = [];
  for (const image of images) {
    const problem = await findImageProblem(image);
    if (problem) report.failed(image, problem);
    else readable.push(image);
  }
  if (readable.length === 0) return;

  const weights = flags.weights ?? (await defaultWeights(spec.model, config.weightsDir));
  const calibration = findCalibration(spec, weights, config.weightsDir, flags.calibration);
  const request: ExtractRequest = { ...(await withLevels(spec, weights)), weights, calibration };
  const backbone = new Backbone(engineOptions(flags));
  try {
    const { decode } = config;
    const store = new FileStore(flags.out);
    const parts = { backbone, store, zstd: await loadZstd(), softwareVersion: softwareVersion(), decode };
    const extractor = new Extractor(parts);
    const { weights: loaded } = await extractor.load(request);
    warnOfSeededWeights(spec.model, loaded.source);
    const turns = pLimit(IMAGES_IN_FLIGHT);
    const extract = async (image: string): Promise<void> => {
      try {
        const bytes = await readImage(image);
        const sha256 = createHash('sha256').update(bytes).digest('hex');
        const output = { format: flags.format, key: outputOf(image) };
        const result = await extractor.extract({ bytes, sha256 }, request, output);
        report.done(image, join(flags.out, result.key), result);
      } catch (error) {
        report.failed(image, error);
      }
    };
    await Promise.all(readable.map((image) => turns(() => extract(image))));
  } finally {
    report.end();
    await backbone.close();
  }
}

/** @throws CairnError `output-conflict` where two images would be written to the same file. */
function refuseConflicts(images: readonly string[], outputOf: (image: string) => string): void {
  const owners = new Map<string, string>();
  for (const image of images) {
    const name = outputOf(image);
    const other = owners.get(name);
    if (other !== undefined) {
      throw new CairnError(
        'output-conflict',
        `${other} and ${image} would both be written to ${name}; extract them into different folders.`,
      );
    }
    owners.set(name, image);
  }
}

/** The outcome of each image: for a person a bar or lines, for a program JSON. */
class Report {
  private readonly progress: Progress;
  private finished = 0;

  constructor(
    private readonly total: number,
    private readonly json: boolean,
  ) {
    this.progress = new Progress({ bar: !json });
  }

  done(image: string, path: string, { description, timings, bytes }: Extraction): void {
    const levels = description.levels.map(({ name, shape, dtype, stride, quantization }) => {
      return { name, shape, dtype, stride, ...(quantization && { quantization }) };
    });
    const { id, weights, window, scale, originalShape, clipped } = description;
    const rounded = Object.fromEntries(Object.entries(timings).map(([name, ms]) => [name, Math.round(ms * 10) / 10]));
    const line = { image, id, path, levels, timings: rounded, weights, window, scale, originalShape, clipped };
    if (this.json) console.log(JSON.stringify(line));
    else if (!this.progress.drawsBar) {
      console.log(printable(`${image} → ${path} (${megabytes(bytes)}, run ${timings.run.toFixed(0)} ms)`));
    }
    this.count();
  }

  failed(image: string, error: unknown): void {
    process.exitCode = 1;
    const { code, message } = asCairnError(error);
    if (this.json) console.log(JSON.stringify({ image, error: { code, message } }));
    this.progress.say(`${image}: ${describeError(error)}`);
    this.count();
  }

  end(): void {
    this.progress.end();
  }

  private count(): void {
    const { total, progress } = this;
    const value = ++this.finished;
    // Elsewhere each image has a line of its own.
    if (progress.drawsBar) progress.show({ value, total, text: `${value}/${total} images`, eta: true });
  }
}
