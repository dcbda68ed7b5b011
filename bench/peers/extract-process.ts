/**
 * What `cairn extract` does, in a process that stays alive: `SPEC` is the JSON of a feature spec, images and folders come
 * by the line as in protocol.py. The weights are those of `CAIRN_WEIGHTS_DIR`.
 */
import { createHash } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { parse } from 'node:path';
import { createInterface } from 'node:readline';
import pLimit from 'p-limit';
import { Backbone } from '../../src/backbone/backbone.js';
import { findCalibration } from '../../src/backbone/calibration/find-calibration.js';
import { defaultWeights } from '../../src/backbone/weights/default-weights.js';
import { IMAGES_IN_FLIGHT } from '../../src/cli/extract.js';
import { readImage } from '../../src/cli/images.js';
import { loadConfig } from '../../src/config/config.js';
import { readEnv } from '../../src/config/env.js';
import { softwareVersion } from '../../src/config/version.js';
import { FileStore } from '../../src/features/store/file-store.js';
import { loadZstd } from '../../src/formats/zstd.js';
import { withLevels } from '../../src/spec/default-levels.js';
import { parseSpec } from '../../src/spec/feature-spec.js';
import { Extractor } from '../../src/worker/extractor.js';

const { weightsDir, decode } = loadConfig(readEnv());
const spec = parseSpec(JSON.parse(process.argv[3]!) as object);
const weights = await defaultWeights(spec.model, weightsDir);
const request = {
  ...(await withLevels(spec, weights)),
  weights,
  calibration: findCalibration(spec, weights, weightsDir),
};
const backbone = new Backbone({ threads: availableParallelism() });
const parts = { backbone, zstd: await loadZstd(), softwareVersion: softwareVersion(), decode };

for await (const line of createInterface({ input: process.stdin })) {
  const { images, out } = JSON.parse(line) as { images: string[]; out: string };
  const extractor = new Extractor({ ...parts, store: new FileStore(out) });
  const turns = pLimit(IMAGES_IN_FLIGHT);
  const extract = async (image: string) => {
    const bytes = await readImage(image);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    await extractor.extract({ bytes, sha256 }, request, { key: `${parse(image).name}.zarr.zip` });
  };
  await Promise.all(images.map((image) => turns(() => extract(image))));
  console.log(JSON.stringify({ images: images.length }));
}
await backbone.close();
