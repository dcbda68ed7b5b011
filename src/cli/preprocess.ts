import { Command } from 'commander';
import { parseSpec } from '../spec/feature-spec.js';
import { encodeCanvas, preprocess } from '../backbone/preprocess/preprocess.js';
import { readImage } from './images.js';

/** `cairn preprocess`: the input of the network, to look at or to compare. */
export function preprocessCommand(): Command {
  return new Command('preprocess')
    .description('write the canvas that the network sees, as PNG')
    .argument('<image>', 'JPEG, PNG, WebP, TIFF or AVIF file')
    .option('--size <pixels>', 'side of the square canvas, a multiple of 32', '1024')
    .requiredOption('--out <file>', 'PNG file to write')
    .option('--json', 'print one line of JSON')
    .action(async (image: string, flags: { size: string; out: string; json?: boolean }) => {
      const { size } = parseSpec({ size: flags.size });
      const canvas = await preprocess(await readImage(image), size);
      await encodeCanvas(canvas, flags.out);
      const { window, scale, originalShape } = canvas;
      if (flags.json) console.log(JSON.stringify({ image, path: flags.out, size, window, scale, originalShape }));
      else console.log(`${image} → ${flags.out}: window ${window.join(', ')}, scale ${scale.toPrecision(6)}`);
    });
}
