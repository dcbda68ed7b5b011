import type { FeatureRequest } from './feature-spec.js';
import { DEFAULT_MODEL, findModel, graphFor, isPyramidLevel, listModels } from '../backbone/catalogue.js';
import { preferPyramid } from './prefer-pyramid.js';
import { defaultWeights } from '../backbone/weights/default-weights.js';
import { isSeeded, loadWeights, weightsSource } from '../backbone/weights/weights.js';

/** The weights that a model runs with on this installation. */
export interface ModelWeights {
  /** `seeded` (untrained) or a file's name. */
  readonly weights: string;
  readonly digest: string;
}

/**
 * Knows the weights of every model of the catalogue. Their digests are part of every feature id:
 * reading a file takes about a second, so it is read when its model is first asked for, and once.
 */
export class ModelRegistry {
  private readonly known = new Map<string, Promise<ModelWeights>>();

  constructor(private readonly weightsDir: string) {}

  /** `seeded` or a file's name; nothing is read. */
  async source(name: string): Promise<string> {
    return weightsSource(await defaultWeights(name, this.weightsDir));
  }

  /**
   * Reads the files that are there, so that one that does not fit its model is found before the first
   * request, and the default model's weights in any case, so that the first request does not wait.
   *
   * @throws CairnError of the weights room.
   */
  async prepare(): Promise<void> {
    for (const { name } of listModels()) {
      if (name === DEFAULT_MODEL || !isSeeded(await this.source(name))) await this.weights(name, true);
    }
  }

  /** A request with the levels that it means on this installation. @throws CairnError of the weights room. */
  async resolve<R extends FeatureRequest>(request: R): Promise<R> {
    return { ...request, ...(await preferPyramid(request, await defaultWeights(request.model.name, this.weightsDir))) };
  }

  /**
   * The weights of a model as far as some levels need them: with a pyramid's where they name one of its levels.
   *
   * @throws CairnError `model-unknown`, or of the weights room.
   */
  weights(name: string, stage5: boolean, levels: readonly string[] = []): Promise<ModelWeights> {
    const key = `${name} ${stage5} ${levels.some(isPyramidLevel)}`;
    const found = this.known.get(key) ?? this.read(name, stage5, levels);
    this.known.set(key, found);
    // A file that could not be read may be mended.
    found.catch(() => this.known.delete(key));
    return found;
  }

  private async read(name: string, stage5: boolean, levels: readonly string[]): Promise<ModelWeights> {
    const spec = await defaultWeights(name, this.weightsDir);
    const { source, digest } = await loadWeights(spec, graphFor(findModel(name), stage5, levels));
    return { weights: source, digest };
  }
}
