import { findModel, listModels, modelGraph } from '../../backbone/models.js';
import { defaultWeights } from '../../backbone/weights/default-weights.js';
import { loadWeights } from '../../backbone/weights/weights.js';

/** The weights that a model runs with on this installation. */
export interface ModelWeights {
  /** `seeded` (untrained) or a file's name. */
  readonly weights: string;
  readonly digest: string;
}

/**
 * Knows the weights of every model of the catalogue. Their digests are part of every feature id, so
 * they are computed once, before the first request.
 */
export class ModelRegistry {
  private readonly known = new Map<string, Promise<ModelWeights>>();

  constructor(private readonly weightsDir: string) {}

  /** @throws CairnError of the weights room when a model's file does not fit it. */
  async prepare(): Promise<Map<string, ModelWeights>> {
    const all = new Map<string, ModelWeights>();
    for (const { name } of listModels()) {
      await this.weights(name, false);
      all.set(name, await this.weights(name, true));
    }
    return all;
  }

  /** @throws CairnError `model-unknown`, or of the weights room. */
  weights(name: string, stage5: boolean): Promise<ModelWeights> {
    const key = `${name} ${stage5}`;
    const found = this.known.get(key) ?? this.read(name, stage5);
    this.known.set(key, found);
    return found;
  }

  private async read(name: string, stage5: boolean): Promise<ModelWeights> {
    const spec = await defaultWeights(name, this.weightsDir);
    const { source, digest } = await loadWeights(spec, modelGraph(findModel(name), stage5));
    return { weights: source, digest };
  }
}
