/**
 * The chain image → archive against the bare run, memory, and the event loop.
 *
 *     npm run bench -- [--images 20] [--rounds 2] [--rss-images 100] [--size 1024] [--variants float16,jpeg] [--json]
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Backbone } from '../src/backbone/backbone.js';
import { parseSpec, withBackboneLevels } from '../src/spec/feature-spec.js';
import { findModel, modelGraph } from '../src/backbone/catalogue.js';
import { loadWeights } from '../src/backbone/weights/weights.js';
import { softwareVersion } from '../src/config/version.js';
import { findCalibration } from '../src/backbone/calibration/find-calibration.js';
import { Extractor, type ExtractRequest } from '../src/worker/extractor.js';
import { FileStore } from '../src/features/store/file-store.js';
import { loadZstd } from '../src/formats/zstd.js';
import { loopDelay, runBare, runChain, type ChainResult } from './chain.js';
import { progress } from './progress.js';
import { benchSession, type SessionResult } from './session.js';
import { median, ratios, sum } from './statistics.js';

const { values: flags } = parseArgs({
  allowPositionals: true,
  options: {
    images: { type: 'string', default: '20' },
    rounds: { type: 'string', default: '2' },
    'rss-images': { type: 'string', default: '100' },
    size: { type: 'string', default: '1024' },
    variants: { type: 'string', default: 'float16,jpeg' },
    json: { type: 'boolean', default: false },
  },
});
const images = Number(flags.images);
const rounds = Number(flags.rounds);
const rssImages = Number(flags['rss-images']);
const threads = availableParallelism();
const photo = (name: string) => readFile(new URL(`../../test/fixtures/images/${name}`, import.meta.url));
const VARIANTS: Readonly<Record<string, object>> = {
  float16: { dtype: 'float16' },
  uint8: { dtype: 'uint8' },
  int8: { precision: 'int8', dtype: 'uint8' },
  jpeg: { precision: 'int8', dtype: 'uint8', codec: 'jpeg' },
};
const variants = flags.variants.split(',').map((name) => ({ name, request: requestOf('mask-rcnn-resnet50', name) }));

const folder = await mkdtemp(join(tmpdir(), 'cairn-bench-'));
const backbone = new Backbone({ threads });
try {
  const zstd = await loadZstd();
  const store = new FileStore(folder);
  const extractor = new Extractor({ backbone, store, zstd, softwareVersion: softwareVersion() });
  const photos = await Promise.all(['astronaut.jpg', 'landscape.jpg'].map(photo));
  const parts = { backbone, extractor, store, images: photos };

  const chains: Chain[] = [];
  for (const variant of variants) {
    progress(`${variant.name}: warming up, 3 images`);
    await runChain({ ...parts, request: variant.request }, 3);
    chains.push({ ...variant, runs: [], bareMs: [], rssMb: [] });
  }
  for (let round = 0; round < rounds; round++) {
    for (const { name, request, runs, bareMs } of chains) {
      progress(`round ${round + 1} of ${rounds}, ${name}: ${images} images through the chain and ${images} bare runs`);
      // Which of the two goes first alternates, so that neither always meets the colder machine.
      const chain = async () => runs.push(await runChain({ ...parts, request }, images));
      const session = async () => bareMs.push(await runBare({ ...parts, request }, images));
      for (const step of round % 2 === 0 ? [chain, session] : [session, chain]) await step();
    }
  }
  for (const { name, request, rssMb } of chains) {
    progress(`${name}: memory over ${rssImages} images`);
    await runChain({ ...parts, request }, rssImages, (done) => {
      if (done === 20 || done === rssImages) rssMb.push([done, process.memoryUsage.rss() / 2 ** 20]);
    });
  }

  const big = requestOf('mask-rcnn-resnet101', 'float16');
  await runChain({ ...parts, request: big }, 1);
  progress('event loop: 6 images through ResNet-101');
  const delay = await loopDelay(() => runChain({ ...parts, request: big }, 6));
  await backbone.close();

  const { request } = chains[0]!;
  const graph = modelGraph(findModel(request.model), request.stage5);
  const options = { ...request, outputs: request.levels, device: 'cpu', threads };
  progress('the session against plain ONNX Runtime: 12 pairs of runs');
  const session = await benchSession(graph, await loadWeights('seeded', graph), options, 12);

  const result = {
    node: process.version,
    zstd: zstd.name,
    threads,
    size: flags.size,
    images: images * rounds,
    chains: chains.map((chain) => summary(chain, chains[0]!)),
    session,
    peakRssMb: process.resourceUsage().maxRSS / 1024,
    eventLoopDelayMs: delay,
  };
  if (flags.json) console.log(JSON.stringify(result));
  else print(result);
} finally {
  await backbone.close();
  await rm(folder, { recursive: true, force: true });
}

interface Chain {
  readonly name: string;
  readonly request: ExtractRequest;
  readonly runs: ChainResult[];
  readonly bareMs: number[];
  /** Images done, and resident memory then. */
  readonly rssMb: [images: number, mb: number][];
}

function requestOf(model: string, variant: string): ExtractRequest {
  const options = VARIANTS[variant];
  if (!options)
    throw new Error(`There is no variant "${variant}"; the variants are ${Object.keys(VARIANTS).join(', ')}.`);
  const spec = withBackboneLevels(parseSpec({ model, size: flags.size, ...options }));
  return { ...spec, weights: 'seeded', calibration: findCalibration(spec, 'seeded', '') };
}

function summary({ name, runs, bareMs, rssMb }: Chain, first: Chain) {
  const wallMs = runs.map((run) => run.wallMs);
  const chainMs = sum(wallMs);
  return {
    name,
    imagesPerSecond: (1000 * images * rounds) / chainMs,
    speedup: median(
      ratios(
        first.runs.map((run) => run.wallMs),
        wallMs,
      ),
    ),
    bareMs: sum(bareMs) / images / rounds,
    ratioToBareRun: chainMs / sum(bareMs),
    ratios: ratios(wallMs, bareMs),
    stagesMs: runs.at(-1)!.stages,
    bytes: sum(runs.map((run) => run.bytes)) / runs.length,
    rssMb,
  };
}

function print(result: {
  node: string;
  zstd: string;
  threads: number;
  size: string;
  images: number;
  chains: readonly ReturnType<typeof summary>[];
  session: SessionResult;
  peakRssMb: number;
  eventLoopDelayMs: { p50: number; p99: number; max: number };
}): void {
  const { chains, session, eventLoopDelayMs: delay } = result;
  console.log(
    `Node ${result.node}, zstd by ${result.zstd}, ${result.threads} threads, mask-rcnn-resnet50 at ${result.size}²`,
  );
  for (const chain of chains) {
    const stages = Object.entries(chain.stagesMs).map(([stage, ms]) => `${stage} ${ms.toFixed(0)} ms`);
    console.log(`${chain.name.padEnd(15)} ${chain.imagesPerSecond.toFixed(3)} images/s over ${result.images} images`);
    console.log(`  of the first  ${chain.speedup.toFixed(2)} times`);
    console.log(`  bytes/image   ${(chain.bytes / 1e6).toFixed(2)} MB`);
    console.log(`  work/image    ${stages.join(', ')}; stages of different images overlap`);
    console.log(
      `  chain : bare  ${chain.ratioToBareRun.toFixed(3)} (rounds: ${chain.ratios.map((ratio) => ratio.toFixed(3)).join(', ')}); bare ${chain.bareMs.toFixed(0)} ms`,
    );
    console.log(`  RSS           ${chain.rssMb.map(([n, mb]) => `${mb.toFixed(0)} MB after ${n}`).join(', ')}`);
  }
  console.log(
    `session : plain ${session.ratio.toFixed(3)} (uint8 → float16 NHWC ${session.cairnMs.toFixed(0)} ms, float32 NCHW ${session.plainMs.toFixed(0)} ms)`,
  );
  console.log(`RSS             peak ${result.peakRssMb.toFixed(0)} MB`);
  console.log(
    `event loop      p50 ${delay.p50.toFixed(1)} ms, p99 ${delay.p99.toFixed(1)} ms, max ${delay.max.toFixed(1)} ms beyond its timers, while ResNet-101 runs`,
  );
}
