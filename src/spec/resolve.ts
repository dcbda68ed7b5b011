import { join, sep } from 'node:path';
import pLimit, { type LimitFunction } from 'p-limit';
import { findModel, graphFor, listModels } from '../backbone/catalogue.js';
import { isPyramidLevel } from '../backbone/graph/fpn-graph.js';
import { findCalibration, loadCalibration } from '../backbone/calibration/find-calibration.js';
import { defaultWeights } from '../backbone/weights/default-weights.js';
import { seededDigest } from '../backbone/weights/seeded-digest.js';
import { digestWeights, isSeeded, parseSeed, weightsSource } from '../backbone/weights/weights.js';
import { withoutFolder } from '../errors.js';
import { stampOf } from '../files/file-stamp.js';
import { defaultModel } from './default-model.js';
import { holdsPyramid, withLevels } from './default-levels.js';
import { parseSpec, type FeatureSpec, type RequestedSpec } from './feature-spec.js';

/** A spec with the weights that it is computed with on this installation. */
export interface ResolvedSpec {
  readonly spec: FeatureSpec;
  /** `seeded` (untrained) or a file's name. */
  readonly weights: string;
  /** SHA-256 over the parameters that the levels need. */
  readonly weightsDigest: string;
  /** SHA-256 over the calibration's ranges, where the numbers depend on one. */
  readonly calibrationDigest?: string;
}

/** How long the state of a weights file is cached. */
const LOOK_AGAIN_MS = 1000;

/** One version of a weights file (path, size, mtime), with the values derived from it. */
interface WeightsFile {
  readonly path: string;
  readonly stamp: string;
  /** By the part of the network that they cover. */
  readonly digests: Map<string, Promise<string>>;
  pyramid?: Promise<boolean>;
  /** Digests of calibrations, by their version and the digest of the weights. */
  readonly calibrations: Map<string, Promise<string>>;
}

/**
 * Knows the weights of every model of the catalogue. Their digests are part of every feature id and their names
 * decide the default levels. Both are read once per version of a file and cached: a digest takes about a second.
 */
export class ModelRegistry {
  /** One at a time: each takes a core for a second. */
  private readonly reading = pLimit(1);
  private readonly files = new Map<string, { readonly until: number; readonly file: Promise<WeightsFile> }>();

  constructor(private readonly weightsDir: string) {}

  /** `seeded` or a file's name; nothing is read. */
  async source(model: string): Promise<string> {
    return weightsSource((await this.file(model)).path);
  }

  /**
   * Reads the files that are present, so that one that does not fit its model is found before the first request, and
   * the default model's weights in any case, so that the first request does not wait.
   *
   * @throws CairnError of the weights module.
   */
  async prepare(): Promise<void> {
    for (const { name } of listModels()) {
      if (name === defaultModel() || !isSeeded(await this.source(name))) await this.read(parseSpec({ model: name }));
    }
  }

  /**
   * The levels and weights that a spec means on this installation.
   *
   * @throws CairnError of the weights module, with the names of files but not their folder.
   */
  async resolve(requested: RequestedSpec): Promise<ResolvedSpec> {
    return this.read(requested).catch((error: unknown) => {
      throw withoutFolder(error, join(this.weightsDir, sep));
    });
  }

  private async read(requested: RequestedSpec): Promise<ResolvedSpec> {
    const file = await this.file(requested.model);
    const spec = await withLevels(requested, file.path, (graph, weights) => {
      return (file.pyramid ??= forgetting(holdsPyramid(graph, weights), () => delete file.pyramid));
    });
    const weightsDigest = await digestOf(file, spec, this.reading);
    const resolved = { spec, weights: weightsSource(file.path), weightsDigest };
    const calibration = findCalibration(spec, file.path, this.weightsDir);
    if (calibration === undefined) return resolved;
    return { ...resolved, calibrationDigest: await calibrationDigestOf(file, calibration, weightsDigest) };
  }

  /** The current weights file of a model, with the values derived from it. */
  private file(model: string): Promise<WeightsFile> {
    const known = this.files.get(model);
    if (known && known.until > Date.now()) return known.file;
    const file = this.look(model, known?.file);
    this.files.set(model, { until: Date.now() + LOOK_AGAIN_MS, file });
    return forgetting(file, () => this.files.delete(model));
  }

  private async look(model: string, known: Promise<WeightsFile> | undefined): Promise<WeightsFile> {
    const path = await defaultWeights(model, this.weightsDir);
    const stamp = isSeeded(path) ? path : await stampOf(path);
    const before = await known?.catch(() => undefined);
    return before?.stamp === stamp ? before : { path, stamp, digests: new Map(), calibrations: new Map() };
  }
}

function digestOf(
  { path, digests }: WeightsFile,
  { model, stage5, levels }: FeatureSpec,
  reading: LimitFunction,
): Promise<string> {
  const pyramid = levels.some(isPyramidLevel);
  return remembered(digests, `${stage5} ${pyramid}`, async () => {
    const known = parseSeed(path) === 0 ? seededDigest(model, stage5, pyramid) : undefined;
    return known ?? reading(() => digestWeights(path, graphFor(findModel(model), stage5, levels)));
  });
}

/** The digest of a calibration that fits the weights. */
async function calibrationDigestOf(file: WeightsFile, path: string, weightsDigest: string): Promise<string> {
  const key = `${await stampOf(path)} ${weightsDigest}`;
  return remembered(file.calibrations, key, async () => (await loadCalibration(path, weightsDigest)).digest);
}

function remembered(digests: Map<string, Promise<string>>, key: string, load: () => Promise<string>): Promise<string> {
  const known = digests.get(key);
  if (known) return known;
  const read = load();
  digests.set(key, read);
  // A file that could not be read may be replaced.
  return forgetting(read, () => digests.delete(key));
}

/** The promise itself; `forget` runs when it is rejected. */
function forgetting<T>(promise: Promise<T>, forget: () => void): Promise<T> {
  promise.catch(forget);
  return promise;
}
