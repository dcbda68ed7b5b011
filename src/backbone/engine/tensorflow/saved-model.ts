import type { io } from '@tensorflow/tfjs-core';
import type { LayersModel } from '@tensorflow/tfjs-layers';

/** A model of TensorFlow.js as its files hold it. */
export interface SavedModel {
  /** The values of all weights, one after the other. */
  readonly data: Buffer;
  /** `model.json` for weights that lie in the files `paths`, one after the other. */
  describe(paths: readonly string[]): string;
}

/** What a model holds; the model may be disposed of afterwards. */
export async function saveLayersModel(model: LayersModel): Promise<SavedModel> {
  let saved: io.ModelArtifacts | undefined;
  await model.save({
    save(artifacts) {
      saved = artifacts;
      return Promise.resolve({ modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: 'JSON' } });
    },
  });
  const { weightData, weightSpecs, ...description } = saved!;
  return {
    data: Buffer.concat([weightData!].flat().map((part) => new Uint8Array(part))),
    describe: (paths) => JSON.stringify({ ...description, weightsManifest: [{ paths, weights: weightSpecs }] }),
  };
}
