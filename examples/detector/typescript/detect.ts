import { LEVELS, levelAnchors, type Box, type LevelName } from './anchors.js';
import { choose, runHead, toPhoto, type Detection } from './head.js';
import { propose, runRpn, type RpnOutput } from './rpn.js';
import { openSafetensors, type StreamedTensor } from './safetensors-stream.js';
import type { Server } from './server.js';
import type { Weights } from './weights.js';
import type { NamedArray } from './write-safetensors.js';

export interface Detected {
  /** Best first, in pixels of the photo. */
  readonly detections: readonly Detection[];
  /** The networks' outputs before boxes were selected. */
  readonly outputs: Readonly<Record<string, NamedArray>>;
}

/**
 * Runs the detector on the feature set with this id: levels as they arrive, proposals, regions, head.
 *
 * @throws Refused if it lacks one of P2 to P6.
 */
export async function detect(server: Server, features: string, weights: Weights): Promise<Detected> {
  // Whatever type the levels are stored in, the server sends their values in float32.
  const path = `/v1/features/${features}.safetensors?levels=${LEVELS.join(',')}&order=coarse-first&as=float32`;
  const { metadata, tensors } = await openSafetensors(await server.stream(path));
  const size = Number(metadata['size']);
  const found = new Map<string, RpnOutput & { readonly anchors: Box[] }>();
  for await (const level of tensors) {
    // P6 is a three-hundredth of all bytes: the network runs on it while the others are still arriving.
    const [height, width] = level.shape as [number, number];
    const anchors = levelAnchors(level.name as LevelName, [height, width], size);
    found.set(level.name, { anchors, ...(await runRpn(level, weights)) });
  }
  // Matterport concatenates the levels finest first; for equal scores the order decides.
  const levels = LEVELS.map((name) => found.get(name)!);
  const anchors = levels.flatMap((level) => level.anchors);
  const rpn = { scores: join(levels.map(({ scores }) => scores)), deltas: join(levels.map(({ deltas }) => deltas)) };
  const proposals = propose(anchors, rpn);
  const head = await runHead(await pool(server, features, proposals), weights);

  const window = JSON.parse(metadata['window']!) as Box;
  const originalShape = JSON.parse(metadata['originalShape']!) as [number, number, number];
  const detections = choose(proposals, head, window, size).map((detection) => ({
    ...detection,
    box: toPhoto(detection.box, window, size, originalShape),
  }));
  const outputs = {
    scores: { shape: [anchors.length], values: rpn.scores },
    deltas: { shape: [anchors.length, 4], values: rpn.deltas },
    proposals: { shape: [proposals.length, 4], values: Float32Array.from(proposals.flat()) },
    probabilities: { shape: [proposals.length, head.classes], values: head.probabilities },
    box_deltas: { shape: [proposals.length, head.classes, 4], values: head.deltas },
  };
  return { detections, outputs };
}

/** `[proposals, 7, 7, 256]`, each pooled by Cairn from the level of P2 to P5 that fits its size. */
async function pool(server: Server, features: string, boxes: readonly Box[]): Promise<StreamedTensor> {
  const question = { boxes, coordinates: 'normalized', method: 'matterport', outputSize: 7 };
  const { tensors } = await openSafetensors(await server.stream(`/v1/features/${features}/roi-align`, question));
  let regions: StreamedTensor | undefined;
  // Read to the end, so that the connection is free for the next request.
  for await (const tensor of tensors) if (tensor.name === 'regions') regions = tensor;
  if (regions === undefined) throw new Error('the answer has no regions');
  return regions;
}

function join(arrays: readonly Float32Array[]): Float32Array {
  const joined = new Float32Array(arrays.reduce((length, array) => length + array.length, 0));
  let end = 0;
  for (const array of arrays) {
    joined.set(array, end);
    end += array.length;
  }
  return joined;
}
