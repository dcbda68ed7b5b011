/**
 * A Mask R-CNN detector on top of Cairn, in TypeScript, on TensorFlow.js (WebAssembly).
 *
 *     node dist/examples/detector/typescript/detector.js --server http://127.0.0.1:8080 --weights mask_rcnn_coco.h5
 *
 * Subscribes to the feature sets that Cairn completes, as a consumer of a group: start any number of detectors, each
 * with a name of its own. With `--features ID` it processes this one set and exits. It prints one line of JSON per
 * image on stdout.
 */
import { mkdir } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { detect } from './detect.js';
import { Refused, Server } from './server.js';
import { subscribe, type Announcement } from './sse.js';
import { startTensorflow } from './tensorflow.js';
import { readWeights } from './weights.js';
import { writeSafetensors } from './write-safetensors.js';

/** A set that was delivered more often is a poison set, which ends this program each time: log it and skip it. */
const MOST_DELIVERIES = 5;

const { values: options } = parseArgs({
  options: {
    server: { type: 'string', default: 'http://127.0.0.1:8080' },
    /** The Mask R-CNN HDF5 that Cairn loads as well. */
    weights: { type: 'string' },
    features: { type: 'string' },
    group: { type: 'string', default: 'detectors' },
    consumer: { type: 'string', default: hostname() },
    model: { type: 'string' },
    /** Exits after this many sets. */
    once: { type: 'string' },
    /** A folder for the networks' outputs, as safetensors. */
    outputs: { type: 'string' },
  },
});
if (options.weights === undefined) throw new Error('--weights FILE is missing: the Mask R-CNN HDF5 that Cairn loads');

await startTensorflow();
const server = new Server(options.server);
const weights = await readWeights(options.weights);

async function run(features: string, where: object = {}): Promise<void> {
  const { detections, outputs } = await detect(server, features, weights);
  if (options.outputs !== undefined) {
    await mkdir(options.outputs, { recursive: true });
    await writeSafetensors(join(options.outputs, `${features}.safetensors`), outputs);
  }
  const boxes = detections.map(({ box }) => box);
  const classes = detections.map((detection) => detection.class);
  const scores = detections.map(({ score }) => score);
  console.log(JSON.stringify({ features, ...where, boxes, classes, scores }));
}

let seen = 0;

async function work({ features: { id }, delivery, job, batch }: Announcement): Promise<boolean> {
  try {
    if (delivery > MOST_DELIVERIES) throw new Refused(`delivered ${delivery} times`);
    await run(id, { job, batch });
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    console.log(JSON.stringify({ features: id, job, batch, error: error.message }));
  }
  seen += 1;
  return seen !== Number(options.once);
}

if (options.features !== undefined) await run(options.features);
else await subscribe(server, options, work);
