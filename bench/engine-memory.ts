/** Resident memory of this process after a fifth of many runs and after all: `--target onnx/cpu --runs 100 --size 512`. */
import { parseArgs } from 'node:util';
import { Runner } from './engines.js';

export interface Memory {
  readonly target: string;
  readonly earlyMb: number;
  readonly lateMb: number;
}

const { values: flags } = parseArgs({
  allowPositionals: true,
  options: { target: { type: 'string' }, runs: { type: 'string' }, size: { type: 'string' } },
});
const runs = Number(flags.runs);
const residentMb = () => Math.round(process.memoryUsage.rss() / 2 ** 20);

const runner = new Runner(flags.target!, 'mask-rcnn-resnet50', Number(flags.size));
let earlyMb = 0;
for (let run = 1; run <= runs; run++) {
  await runner.run();
  if (run === Math.ceil(runs / 5)) earlyMb = residentMb();
}
const memory: Memory = { target: flags.target!, earlyMb, lateMb: residentMb() };
await runner.close();
console.log(JSON.stringify(memory));
