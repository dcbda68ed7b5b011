/**
 * The chain image → archive against the bare run, memory, and the event loop.
 *
 *     npm run bench -- [--images 20] [--rounds 2] [--rss-images 100] [--size 1024] [--variants float16,jpeg] [--json]
 */
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Backbone } from '../src/backbone/backbone.js';
import { findModel, modelGraph } from '../src/backbone/catalogue.js';
import { loadWeights } from '../src/backbone/weights/weights.js';
import { softwareVersion } from '../src/config/version.js';
import { Extractor, type ExtractRequest } from '../src/worker/extractor.js';
import { FileStore } from '../src/features/store/file-store.js';
import { loadZstd } from '../src/formats/zstd.js';
import { loopDelay, readPhotos, requestOf, runBare, runChain, type ChainResult } from './chain.js';
import type { Memory } from './chain-memory.js';
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
const threads = availableParallelism();
const size = Number(flags.size);
const variants = flags.variants
  .split(',')
  .map((name) => ({ name, request: requestOf('mask-rcnn-resnet50', name, size) }));

const folder = await mkdtemp(join(tmpdir(), 'cairn-bench-'));
// All sessions stay: compiling one again would be timed with its first run. The last is ResNet-101's.
const backbone = new Backbone({ threads, maxSessions: variants.length + 1 });
try {
  const zstd = await loadZstd();
  const store = new FileStore(folder);
  const extractor = new Extractor({ backbone, store, zstd, softwareVersion: softwareVersion() });
  const parts = { backbone, extractor, store, images: await readPhotos() };

  const chains: Chain[] = [];
  for (const variant of variants) {
    progress(`${variant.name}: warming up, 3 images`);
    await runChain({ ...parts, request: variant.request }, 3);
    chains.push({ ...variant, runs: [], bareMs: [] });
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
  const big = requestOf('mask-rcnn-resnet101', 'float16', size);
  await runChain({ ...parts, request: big }, 1);
  progress('event loop: 6 images through ResNet-101');
  const delay = await loopDelay(() => runChain({ ...parts, request: big }, 6));
  await backbone.close();

  const { request } = chains[0]!;
  const graph = modelGraph(findModel(request.model), request.stage5);
  const options = { ...request, outputs: request.levels, device: 'cpu', threads };
  progress('the session against plain ONNX Runtime: 12 pairs of runs');
  const session = await benchSession(graph, await loadWeights('seeded', graph), options, 12);

  const memory = variants.map(({ name }) => memoryOf(name));
  const result = {
    node: process.version,
    zstd: zstd.name,
    threads,
    size: flags.size,
    images: images * rounds,
    chains: chains.map((chain) => summary(chain, chains[0]!)),
    session,
    memory,
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
}

/** In a process of its own, where nothing else has been resident. */
function memoryOf(variant: string): Memory {
  progress(`${variant}: memory over ${flags['rss-images']} images`);
  const main = fileURLToPath(new URL('./main.js', import.meta.url));
  const options = ['--variant', variant, '--images', flags['rss-images'], '--size', flags.size];
  const output = execFileSync(process.execPath, [main, 'chain-memory', ...options], {
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
  });
  return JSON.parse(output) as Memory;
}

function summary({ name, runs, bareMs }: Chain, first: Chain) {
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
  memory: readonly Memory[];
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
  }
  console.log(
    `session : plain ${session.ratio.toFixed(3)} (uint8 → float16 NHWC ${session.cairnMs.toFixed(0)} ms, float32 NCHW ${session.plainMs.toFixed(0)} ms)`,
  );
  for (const { variant, mb } of result.memory) {
    console.log(
      `RSS of ${variant.padEnd(8)} ${mb.map(([done, size]) => `${size.toFixed(0)} MB after ${done}`).join(', ')}`,
    );
  }
  console.log(
    `event loop      p50 ${delay.p50.toFixed(1)} ms, p99 ${delay.p99.toFixed(1)} ms, max ${delay.max.toFixed(1)} ms beyond its timers, while ResNet-101 runs`,
  );
}
