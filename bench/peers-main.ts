/**
 * Cairn against the scripts that one would write in Python: images per second, bytes per image, memory.
 *
 *     npm run bench -- peers [--images 12] [--rounds 3] [--size 1024] [--json]
 *
 * Every contestant is a process that is started once, is warm before anything is timed, and extracts the same images in
 * every round, one contestant at a time, with all cores. All run torchvision's ResNet-50 on the same weights.
 */
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { CleanUp } from './clean-up.js';
import type { DistinctImages } from './distinct-images.js';
import type { Contestant, Running } from './peers/contestant.js';
import { contestants, MODEL, SCRIPTS } from './peers/contestants.js';
import { peakOfTreeMb, takeStock } from './peers/footprint.js';
import { makeImages, writeImages } from './peers/images.js';
import { startProgram, type Program } from './peers/line-process.js';
import { describe, judge, type Measured } from './peers/report.js';
import { progress } from './progress.js';
import { loadScript } from './service.js';

const { values: flags } = parseArgs({
  allowPositionals: true,
  options: {
    images: { type: 'string', default: '12' },
    rounds: { type: 'string', default: '3' },
    size: { type: 'string', default: '1024' },
    json: { type: 'boolean', default: false },
  },
});
const rounds = Number(flags.rounds);
const size = Number(flags.size);
/** Images that are not timed: for the model's statistics and the calibration, and to warm up. */
const OTHER_IMAGES = 4;
const WARM_UP_IMAGES = 3;
/** Ranges hardly depend on it, and time does. */
const CALIBRATION_SIZE = '512';
const CLI = fileURLToPath(new URL('../src/cli/cairn.js', import.meta.url));

const environment =
  await loadScript<typeof import('../scripts/conformance/environment.mjs')>('conformance/environment.mjs');
const cleanUp = new CleanUp();
try {
  environment.createEnvironment();
  environment.addPackages(join(SCRIPTS, 'requirements.txt'));
  const folder = await mkdtemp(join(tmpdir(), 'cairn-peers-'));
  cleanUp.add(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  await compare(folder);
} catch (error) {
  if (!(error instanceof environment.CannotRunHere)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = environment.CANNOT_RUN_HERE;
} finally {
  await cleanUp.run();
}

async function compare(folder: string): Promise<void> {
  const images = await makeImages(Number(flags.images) + OTHER_IMAGES);
  const others = images.splice(Number(flags.images));
  const weightsDir = await prepareWeights(folder, await writeImages(join(folder, 'others'), others));

  const entrants: { running: Running; measured: Measured }[] = [];
  for (const contestant of contestants({ weightsDir, size, python })) {
    progress(`starting ${contestant.name}`);
    entrants.push(await enter(contestant, others, join(folder, String(entrants.length))));
  }
  for (let round = 0; round < rounds; round++) {
    const paths = await writeImages(join(folder, `round-${round}`), images);
    // Who goes first and who follows whom alternates, so that nobody always meets the same machine.
    const order = round % 2 === 0 ? entrants : entrants.toReversed();
    for (const { running, measured } of order) {
      const seconds = await time(() => running.extract(paths));
      measured.seconds.push(seconds / paths.length);
      measured.bytes.push((await takeStock(running.archives)) / paths.length);
      progress(`round ${round + 1} of ${rounds}: ${measured.name}, ${seconds.toFixed(1)} s`);
    }
  }
  for (const { running, measured } of entrants) measured.peakMb = await peakOfTreeMb(running.pids);

  const results = entrants.map(({ measured }) => measured);
  const threads = availableParallelism();
  if (flags.json) {
    console.log(JSON.stringify({ node: process.version, threads, size, results, verdicts: judge(results) }));
  } else {
    console.log(
      `ResNet-50 at ${size}², C2–C5, ${flags.images} images × ${rounds} rounds, ${threads} threads, Node ${process.version}\n`,
    );
    console.log(
      describe(
        results,
        results.find(({ side }) => side === 'Cairn')!,
      ),
    );
  }
}

/** Starts a contestant in a new folder, times its first archive, and warms it up. */
async function enter(contestant: Contestant, images: readonly DistinctImages[], own: string) {
  await mkdir(own);
  const paths = await writeImages(`${own}-images`, images);
  let running!: Running;
  const startSeconds = await time(async () => {
    running = await contestant.start(own);
    cleanUp.add(() => running.stop());
    await running.extract(paths.slice(0, 1));
  });
  await running.extract(paths.slice(1, 1 + WARM_UP_IMAGES));
  await takeStock(running.archives);
  const { name, side, kind, precision } = contestant;
  const measured: Measured = { name, side, kind, precision, startSeconds, seconds: [], bytes: [], peakMb: 0 };
  return { running, measured };
}

/** The same random weights for everybody, as files of a weights folder, and their calibration for int8. */
async function prepareWeights(folder: string, images: readonly string[]): Promise<string> {
  const weightsDir = join(folder, 'weights');
  await mkdir(weightsDir);
  progress('making the network');
  await runToEnd(python('make_model.py', weightsDir, String(size), ...images));
  const weights = join(weightsDir, `${MODEL}.safetensors`);
  await rename(join(weightsDir, 'resnet50.safetensors'), weights);
  progress('calibrating it for int8');
  const options = ['--weights', weights, '--levels', 'C2,C3,C4,C5', '--size', CALIBRATION_SIZE, '--json'];
  await runToEnd({ command: process.execPath, args: [CLI, 'calibrate', MODEL, ...images, ...options] });
  return weightsDir;
}

function python(script: string, ...args: string[]): Program {
  const env = { PYTHONPATH: environment.CONFORMANCE, PYTHONDONTWRITEBYTECODE: '1' };
  return { command: environment.PYTHON, args: [join(SCRIPTS, script), ...args], env };
}

async function runToEnd(program: Program): Promise<void> {
  const { child, ended } = await startProgram(program);
  child.stdout.resume();
  await ended.catch((error: unknown) => {
    if (child.exitCode !== 0) throw error;
  });
}

async function time(work: () => Promise<void>): Promise<number> {
  const begun = performance.now();
  await work();
  return (performance.now() - begun) / 1000;
}
