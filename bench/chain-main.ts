/**
 * The chain image → archive against the bare run, memory, and the event loop.
 *
 *     npm run bench -- [--images 20] [--rounds 2] [--rss-images 100] [--size 1024] [--json]
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
import { Extractor } from '../src/worker/extractor.js';
import { FileStore } from '../src/features/store/file-store.js';
import { loadZstd } from '../src/formats/zstd.js';
import { loopDelay, runBare, runChain, type ChainParts, type ChainResult } from './chain.js';
import { progress } from './progress.js';
import { benchSession } from './session.js';
import { sum } from './statistics.js';

const { values: flags } = parseArgs({
  allowPositionals: true,
  options: {
    images: { type: 'string', default: '20' },
    rounds: { type: 'string', default: '2' },
    'rss-images': { type: 'string', default: '100' },
    size: { type: 'string', default: '1024' },
    json: { type: 'boolean', default: false },
  },
});
const images = Number(flags.images);
const rounds = Number(flags.rounds);
const rssImages = Number(flags['rss-images']);
const threads = availableParallelism();
const photo = (name: string) => readFile(new URL(`../../test/fixtures/images/${name}`, import.meta.url));
const request = {
  ...withBackboneLevels(parseSpec({ model: 'mask-rcnn-resnet50', size: flags.size })),
  weights: 'seeded',
};

const folder = await mkdtemp(join(tmpdir(), 'cairn-bench-'));
const backbone = new Backbone({ threads });
try {
  const zstd = await loadZstd();
  const store = new FileStore(folder);
  const extractor = new Extractor({ backbone, store, zstd, softwareVersion: softwareVersion() });
  const photos = await Promise.all(['astronaut.jpg', 'landscape.jpg'].map(photo));
  const parts: ChainParts = { backbone, extractor, store, request, images: photos };

  // The session of the chain is warm before anything is timed.
  progress('warming up: 3 images');
  await runChain(parts, 3);
  const chains: ChainResult[] = [];
  const bare: number[] = [];
  for (let round = 0; round < rounds; round++) {
    progress(`round ${round + 1} of ${rounds}: ${images} images through the chain and ${images} bare runs`);
    // Which of the two goes first alternates, so that neither always meets the colder machine.
    const chain = async () => chains.push(await runChain(parts, images));
    const session = async () => bare.push(await runBare(parts, images));
    for (const step of round % 2 === 0 ? [chain, session] : [session, chain]) await step();
  }

  progress(`memory: ${rssImages} images`);
  const rss: Record<number, number> = {};
  await runChain(parts, rssImages, (done) => {
    if (done === 20 || done === rssImages) rss[done] = process.memoryUsage.rss();
  });

  const big = { ...request, ...withBackboneLevels(parseSpec({ model: 'mask-rcnn-resnet101', size: flags.size })) };
  await runChain({ ...parts, request: big }, 1);
  progress('event loop: 6 images through ResNet-101');
  const delay = await loopDelay(() => runChain({ ...parts, request: big }, 6));
  await backbone.close();

  const graph = modelGraph(findModel(request.model), request.stage5);
  const options = { ...request, outputs: request.levels, device: 'cpu', threads };
  progress('the session against plain ONNX Runtime: 12 pairs of runs');
  const session = await benchSession(graph, await loadWeights('seeded', graph), options, 12);

  const chainMs = sum(chains.map((chain) => chain.wallMs));
  const result = {
    node: process.version,
    zstd: zstd.name,
    threads,
    size: request.size,
    chain: {
      images: images * rounds,
      imagesPerSecond: (1000 * images * rounds) / chainMs,
      ratioToBareRun: chainMs / sum(bare),
      ratios: chains.map((chain, round) => chain.wallMs / bare[round]!),
      stagesMs: chains.at(-1)!.stages,
    },
    session,
    rss: {
      peakMb: process.resourceUsage().maxRSS / 1024,
      afterMb: Object.entries(rss).map(([n, bytes]) => [Number(n), bytes / 2 ** 20]),
    },
    eventLoopDelayMs: delay,
  };
  if (flags.json) console.log(JSON.stringify(result));
  else print(result);
} finally {
  await backbone.close();
  await rm(folder, { recursive: true, force: true });
}

function print(result: {
  node: string;
  zstd: string;
  threads: number;
  size: number;
  chain: {
    images: number;
    imagesPerSecond: number;
    ratioToBareRun: number;
    ratios: number[];
    stagesMs: Record<string, number>;
  };
  session: { cairnMs: number; plainMs: number; ratio: number };
  rss: { peakMb: number; afterMb: number[][] };
  eventLoopDelayMs: { p50: number; p99: number; max: number };
}): void {
  const { chain, session, rss, eventLoopDelayMs: delay } = result;
  const total = sum(Object.values(chain.stagesMs));
  const shares = Object.entries(chain.stagesMs).map(
    ([stage, ms]) => `${stage} ${ms.toFixed(0)} ms (${((100 * ms) / total).toFixed(0)} %)`,
  );
  console.log(
    `Node ${result.node}, zstd by ${result.zstd}, ${result.threads} threads, mask-rcnn-resnet50 at ${result.size}²`,
  );
  console.log(
    `whole chain     ${chain.imagesPerSecond.toFixed(3)} images/s over ${chain.images} images (JPEG → C2–C5 float16 archive)`,
  );
  console.log(`  work/image    ${shares.join(', ')}; stages of different images overlap`);
  console.log(
    `chain : bare    ${chain.ratioToBareRun.toFixed(3)} (rounds: ${chain.ratios.map((ratio) => ratio.toFixed(3)).join(', ')})`,
  );
  console.log(
    `session : plain ${session.ratio.toFixed(3)} (uint8 → float16 NHWC ${session.cairnMs.toFixed(0)} ms, float32 NCHW ${session.plainMs.toFixed(0)} ms)`,
  );
  console.log(
    `RSS             peak ${rss.peakMb.toFixed(0)} MB; ${rss.afterMb.map(([n, mb]) => `${mb!.toFixed(0)} MB after ${n}`).join(', ')}`,
  );
  console.log(
    `event loop      p50 ${delay.p50.toFixed(1)} ms, p99 ${delay.p99.toFixed(1)} ms, max ${delay.max.toFixed(1)} ms beyond its timers, while ResNet-101 runs`,
  );
}
