/**
 * What decoding in a process of its own costs, against decoding in this one.
 *
 *     npm run bench -- decoder [--size 1024] [--images 20] [--rounds 5] [--json]
 */
import { parseArgs } from 'node:util';
import { Decoder } from '../src/backbone/preprocess/decoder.js';
import { preprocess } from '../src/backbone/preprocess/preprocess.js';
import { readPhotos } from './chain.js';
import { progress } from './progress.js';
import { median } from './statistics.js';

const { values: flags } = parseArgs({
  allowPositionals: true,
  options: {
    size: { type: 'string', default: '1024' },
    images: { type: 'string', default: '20' },
    rounds: { type: 'string', default: '5' },
    json: { type: 'boolean', default: false },
  },
});
const size = Number(flags.size);
const photos = await readPhotos();
const images = Array.from({ length: Number(flags.images) }, (_, i) => photos[i % photos.length]!);
const decoder = new Decoder();
const ways = {
  here: (bytes: Buffer) => preprocess(bytes, size),
  child: (bytes: Buffer) => decoder.preprocess(bytes, size),
};
type Way = keyof typeof ways;
const times: Record<Way, number[]> = { here: [], child: [] };
try {
  // Both are warm before anything is timed.
  for (const way of Object.values(ways)) await way(images[0]!);
  for (let round = 0; round < Number(flags.rounds); round++) {
    progress(`round ${round + 1} of ${flags.rounds}`);
    // Image by image, each first every other time: other load meets both alike.
    for (const [i, bytes] of images.entries()) {
      const order: Way[] = (round + i) % 2 === 0 ? ['here', 'child'] : ['child', 'here'];
      for (const way of order) {
        const begun = performance.now();
        await ways[way](bytes);
        times[way].push(performance.now() - begun);
      }
    }
  }
} finally {
  await decoder.close();
}
const costs = times.child.map((ms, i) => ms - times.here[i]!);
const result = {
  size,
  runs: costs.length,
  hereMs: median(times.here),
  childMs: median(times.child),
  costMs: median(costs),
};
const text = `side ${size}: ${result.hereMs.toFixed(1)} ms here, ${result.childMs.toFixed(1)} ms in a process, ${result.costMs.toFixed(1)} ms more per image (medians of ${result.runs})`;
process.stdout.write(`${flags.json ? JSON.stringify(result) : text}\n`);
