import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Backbone } from '../src/backbone/backbone.js';
import { findCalibration } from '../src/backbone/calibration/find-calibration.js';
import { preprocess } from '../src/backbone/preprocess/preprocess.js';
import { STAGES, type Extractor, type ExtractRequest, type Stage } from '../src/worker/extractor.js';
import { layoutFor } from '../src/features/feature-set.js';
import type { Store } from '../src/features/store/store.js';
import { parseSpec, withBackboneLevels } from '../src/spec/feature-spec.js';
import pLimit from 'p-limit';

/** Specs that are compared, by name. */
const VARIANTS: Readonly<Record<string, object>> = {
  float16: { dtype: 'float16' },
  uint8: { dtype: 'uint8' },
  int8: { precision: 'int8', dtype: 'uint8' },
  jpeg: { precision: 'int8', dtype: 'uint8', codec: 'jpeg' },
};

/** As many as the command line and the worker keep under way. */
const IMAGES_IN_FLIGHT = 3;

export interface ChainParts {
  readonly backbone: Backbone;
  readonly extractor: Extractor;
  readonly store: Store;
  readonly request: ExtractRequest;
  /** Encoded images, taken in turn. */
  readonly images: readonly Buffer[];
}

export interface ChainResult {
  readonly wallMs: number;
  /** Milliseconds of work per image in each stage, overlapping with other stages. */
  readonly stages: Record<Stage, number>;
  /** Mean size of an archive. */
  readonly bytes: number;
}

export function requestOf(model: string, variant: string, size: number): ExtractRequest {
  const options = VARIANTS[variant];
  if (!options) throw new Error(`There is no variant "${variant}"; known: ${Object.keys(VARIANTS).join(', ')}.`);
  const spec = withBackboneLevels(parseSpec({ model, size, ...options }));
  return { ...spec, weights: 'seeded', calibration: findCalibration(spec, 'seeded', '') };
}

export function readPhotos(): Promise<Buffer[]> {
  const photo = (name: string) => readFile(new URL(`../../test/fixtures/images/${name}`, import.meta.url));
  return Promise.all(['astronaut.jpg', 'landscape.jpg'].map(photo));
}

/** `count` images through decode → run → archive on disk, as the worker does it. */
export async function runChain(
  parts: ChainParts,
  count: number,
  afterEach?: (done: number) => void,
): Promise<ChainResult> {
  const { extractor, store, request, images } = parts;
  const turns = pLimit(IMAGES_IN_FLIGHT);
  const stages: Record<Stage, number> = { preprocess: 0, run: 0, pack: 0 };
  let [done, written] = [0, 0];
  const begun = performance.now();
  await Promise.all(
    Array.from({ length: count }, (_, index) =>
      turns(async () => {
        const bytes = images[index % images.length]!;
        const sha256 = createHash('sha256').update(bytes).digest('hex');
        const {
          timings,
          key,
          bytes: size,
        } = await extractor.extract({ bytes, sha256 }, request, { key: `${index}.zarr.zip` });
        for (const stage of STAGES) stages[stage] += timings[stage] / count;
        written += size;
        await store.delete(key);
        afterEach?.(++done);
      }),
    ),
  );
  return { wallMs: performance.now() - begun, stages, bytes: written / count };
}

/** The same images through the same session and nothing else: canvases are ready, levels are dropped. */
export async function runBare({ backbone, request, images }: ChainParts, count: number): Promise<number> {
  const canvases = await Promise.all(images.map((bytes) => preprocess(bytes, request.size)));
  const session = { ...request, layout: layoutFor(request) };
  let wallMs = 0;
  for (let index = 0; index < count; index++) {
    const canvas = canvases[index % canvases.length]!;
    const copy = { ...canvas, pixels: canvas.pixels.slice() };
    const begun = performance.now();
    await backbone.run(session, copy);
    wallMs += performance.now() - begun;
  }
  return wallMs;
}

/** Delay of the event loop beyond its timers, in milliseconds, while `work` runs. */
export async function loopDelay(work: () => Promise<unknown>): Promise<{ p50: number; p99: number; max: number }> {
  const resolution = 10;
  const histogram = monitorEventLoopDelay({ resolution });
  histogram.enable();
  await work();
  histogram.disable();
  // The histogram counts the timer's own interval in.
  const beyond = (nanoseconds: number) => Math.max(0, nanoseconds / 1e6 - resolution);
  return { p50: beyond(histogram.percentile(50)), p99: beyond(histogram.percentile(99)), max: beyond(histogram.max) };
}
