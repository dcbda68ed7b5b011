// Writes calibrations/: the ranges for precision=int8 on seeded weights, from the photographs in test/fixtures/images, as
// `cairn calibrate` measures them. Run it after a change to the seeded weights, to a graph or to the calibration.
//
//     node scripts/calibrate-seeded.mjs [MODEL...]
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const CLI = join(ROOT, 'dist/src/cli/cairn.js');
const PHOTOS = ['astronaut.jpg', 'landscape.jpg', 'grey-exif6.jpg', 'portrait.png'];
/** Ranges hardly depend on the size of the canvas; a quarter of the pixels takes a quarter of the time. */
const SIZE = 512;

function cairn(...args) {
  return execFileSync(process.execPath, [CLI, ...args], {
    cwd: ROOT,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

const photos = PHOTOS.map((name) => join(ROOT, 'test/fixtures/images', name));
const named = process.argv.slice(2);
const models = named.length > 0 ? named : JSON.parse(cairn('models', '--json')).map(({ name }) => name);
for (const model of models) {
  const out = join(ROOT, 'calibrations', `${model}.calibration.json`);
  console.log(model);
  console.log(cairn('calibrate', model, ...photos, '--weights', 'seeded', '--size', String(SIZE), '--out', out));
}
