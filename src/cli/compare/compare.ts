import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { Backbone } from '../../backbone/backbone.js';
import { findCalibration } from '../../backbone/calibration/find-calibration.js';
import type { DecodeLimits } from '../../backbone/preprocess/decode.js';
import { preprocess } from '../../backbone/preprocess/preprocess.js';
import { defaultWeights } from '../../backbone/weights/default-weights.js';
import { loadConfig } from '../../config/config.js';
import { readEnv } from '../../config/env.js';
import { softwareVersion } from '../../config/version.js';
import { asCairnError, CairnError } from '../../errors.js';
import { FileStore } from '../../features/store/file-store.js';
import { loadZstd } from '../../formats/zstd.js';
import { withLevels } from '../../spec/default-levels.js';
import { Extractor, type ExtractRequest } from '../../worker/extractor.js';
import { addEngineFlags, addFeatureFlags, engineOptions, specFromFlags } from '../flags.js';
import type { EngineFlags, FeatureFlags } from '../flags.js';
import { expandFolders, readImage } from '../images.js';
import { interruptible } from '../interruption.js';
import { describeError, warnOfSeededWeights } from '../output.js';
import { Progress } from '../progress.js';
import { measure, stepsOf, writeReferences, type MeasureParts } from './measure.js';
import { encodingName, REFERENCE, settingsOf, type Setting } from './settings.js';
import { describeSettings, type MeasuredSetting } from './table.js';

interface Flags extends FeatureFlags, EngineFlags {
  readonly calibration?: string;
  readonly json?: boolean;
}

/** `cairn compare`: what each way to compute and keep features costs and loses, on the user's own images. */
export function compareCommand(): Command {
  const chosen = ['dtype', 'precision', 'codec', 'quality'] as const;
  return addEngineFlags(addFeatureFlags(new Command('compare'), chosen))
    .description('measure size, loss and speed of each precision, dtype and codec on images')
    .argument('<image...>', 'images, or folders of them: a few are enough')
    .option('--calibration <file>', 'of `cairn calibrate` (default: the file beside the weights)')
    .option('--json', 'print the result as one line of JSON on stdout, and nothing else there')
    .action((paths: string[], flags: Flags) => interruptible((signal) => compareSettings(paths, flags, signal)));
}

async function compareSettings(paths: readonly string[], flags: Flags, signal: AbortSignal): Promise<void> {
  const { weightsDir, decode } = loadConfig(readEnv());
  const requested = specFromFlags(flags);
  const images = await expandFolders(paths);
  const weights = flags.weights ?? (await defaultWeights(requested.model, weightsDir));
  const spec = await withLevels(requested, weights);
  await checkImages(images, spec.size, decode);

  const requestOf = (setting: Setting): ExtractRequest => {
    const request = { ...spec, ...setting, weights };
    return { ...request, calibration: findCalibration(request, weights, weightsDir, flags.calibration) };
  };
  const progress = new Progress({ bar: !flags.json });
  // Settings are measured one after the other.
  const backbone = new Backbone({ ...engineOptions(flags), maxSessions: 1 });
  // Archives come and go here, besides one of float32 levels per image.
  const folder = await mkdtemp(join(tmpdir(), 'cairn-compare-'));
  try {
    const [store, zstd] = [new FileStore(folder), await loadZstd()];
    const extractor = new Extractor({ backbone, store, zstd, softwareVersion: softwareVersion(), decode });
    const integers = settingsOf('int8');
    const leftOut = await whyNot(() => extractor.load(requestOf(integers[0]!)), flags);
    const compared = [REFERENCE, ...settingsOf('float32'), ...(leftOut ? [] : integers)];
    const { engine, device, weights: loaded } = await extractor.load(requestOf(REFERENCE));
    warnOfSeededWeights(spec.model, loaded.source);

    const total = stepsOf(images, compared.length);
    let value = 0;
    const partsFor = (setting: Setting): MeasureParts => {
      const text = `${setting.precision} as ${encodingName(setting)}`;
      const onStep = () => progress.show({ value: ++value, total, text, eta: true });
      return { extractor, store, zstd, images, signal, onStep };
    };
    await writeReferences(requestOf(REFERENCE), partsFor(REFERENCE));
    const settings: MeasuredSetting[] = [];
    for (const setting of compared) {
      settings.push({ ...setting, ...(await measure(requestOf(setting), partsFor(setting))) });
    }
    progress.end();

    const { model, size, levels, layout } = spec;
    const { source } = loaded;
    if (flags.json) {
      const what = { model, weights: source, size, levels, layout, images: images.length, engine, device };
      const reason = leftOut && { leftOut: { precision: 'int8', code: leftOut.code, message: leftOut.message } };
      console.log(JSON.stringify({ ...what, settings, ...reason }));
      return;
    }
    console.log(`${model} on ${source} weights, ${levels.join(' ')} ${layout} at ${size}², ${engine} on ${device}\n`);
    console.log(describeSettings(settings, images.length));
    if (leftOut) console.log(`\nint8 is left out: ${describeError(leftOut)}`);
  } finally {
    progress.end();
    await backbone.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Finds a bad image before minutes are spent on the others. @throws CairnError `image-…`, naming the file. */
async function checkImages(images: readonly string[], size: number, decode: DecodeLimits): Promise<void> {
  for (const image of images) {
    const bytes = await readImage(image);
    await preprocess(bytes, size, decode).catch((cause: unknown) => {
      const { code, message } = asCairnError(cause);
      throw new CairnError(code, `${image}: ${message}`, { cause });
    });
  }
}

/**
 * Why the network cannot compute in int8 here: no fitting calibration was found, or the engine or device has no
 * integers. Any other failure is the command's, and so is that of a calibration that was named.
 */
async function whyNot(load: () => Promise<unknown>, { calibration }: Flags): Promise<CairnError | undefined> {
  try {
    await load();
    return undefined;
  } catch (cause) {
    const error = asCairnError(cause);
    const explained = calibration === undefined && error.code.startsWith('calibration-');
    if (explained || error.code === 'option-invalid') return error;
    throw error;
  }
}
