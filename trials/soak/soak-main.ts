/**
 * Mixed load for a long time, with memory, handles and event loop of every process sampled and drawn. After a warm-up
 * nothing may grow but what Redis keeps of each job.
 *
 *     npm run soak [-- --minutes 5] [--seed N] [--out soak.svg] [--keep]
 */
import { writeFile } from 'node:fs/promises';
import { formatTable } from '../../src/cli/output.js';
import { median, quantile } from '../../bench/statistics.js';
import { Counts } from '../counts.js';
import { ImagePool } from '../images.js';
import { Place } from '../place/place.js';
import type { Promises } from '../promises.js';
import { Random } from '../random.js';
import { runTrial } from '../trial.js';
import { drawChart, type Panel } from './chart.js';
import { fitLine } from './line.js';
import { Load } from './load.js';
import { Sampler, type Sample } from './sampler.js';

const MINUTES = 5;
const CALLERS = 4;
const PICTURES = 8;
const SAMPLES = 200;
const LEAST_EVERY_MS = 1000;
/** Share of the run in which caches fill and code is compiled. */
const WARM_UP = 0.4;
/** A trend is one where the slope is beyond this many standard errors, and where it matters. */
const SURE = 3;
const GROWTH_MB = 80;
const ENV = { CAIRN_MAX_SESSIONS: '8', CAIRN_THREADS: '1', CAIRN_QUEUE_LIMIT: '200', CAIRN_DRAIN_TIMEOUT_MS: '20000' };

export async function main(args: readonly string[]): Promise<void> {
  await runTrial('soak', args, MINUTES, async ({ options, promises, say }) => {
    const random = new Random(options.seed);
    const onCrash = (line: string) => promises.broken('no process ends by itself', line);
    const place = await Place.open({ env: ENV, onCrash, keep: options.keep });
    try {
      const pool = await ImagePool.make(PICTURES, random.fork());
      await place.start('api');
      await place.start('worker');
      const load = new Load(place.url, pool, promises, new Counts());
      const sampler = new Sampler(place, Math.max(LEAST_EVERY_MS, (options.minutes * 60_000) / SAMPLES));
      place.cleanUp.add(() => sampler.stop());
      const end = Date.now() + options.minutes * 60_000;
      say(`${CALLERS} callers`);
      const caller = async (draws: Random) => {
        while (Date.now() < end) await load.one(draws);
      };
      await Promise.all(Array.from({ length: CALLERS }, () => caller(random.fork())));
      await sampler.stop();
      report(sampler, options.minutes, promises);
      console.log(formatTable(['call', 'times'], load.counts.entries()));
      const out = options.out ?? 'soak.svg';
      const title = `${load.counts.total} calls in ${options.minutes} min, seed ${options.seed}`;
      await writeFile(out, drawChart(title, panels(sampler)));
      console.log(`drawn: ${out}`);
      for (const server of [...place.servers]) {
        const status = await server.stop();
        promises.check(status === 0, 'a process that is stopped ends with status 0', `${server.name}: ${status}`);
      }
    } finally {
      await place.close();
    }
  });
}

function report({ samples, redis }: Sampler, minutes: number, promises: Promises): void {
  const rows: (string | number)[][] = [];
  for (const [name, all] of samples) {
    const warm = all.filter((sample) => sample.minutes >= WARM_UP * minutes);
    for (const [what, unit, value] of MEASURES) {
      const known = warm.filter((sample) => !Number.isNaN(value(sample)));
      if (known.length < 4) continue;
      const values = known.map(value);
      const line = fitLine(
        known.map((sample) => sample.minutes),
        values,
      );
      const growth = line.slope * (1 - WARM_UP) * minutes;
      rows.push([
        name,
        `${what}, ${unit}`,
        ...[median(values), quantile(values, 1), line.slope, line.noise].map(rounded),
      ]);
      const trend = line.slope > SURE * line.noise && growth > (what === 'RSS' ? GROWTH_MB : Infinity);
      promises.check(
        !trend,
        'memory does not grow',
        `${name}: ${rounded(line.slope)} ± ${rounded(line.noise)} MB a minute`,
      );
    }
  }
  const used = redis.filter((sample) => !Number.isNaN(sample.usedMb));
  const line = fitLine(
    used.map((sample) => sample.minutes),
    used.map((sample) => sample.usedMb),
  );
  rows.push([
    'redis',
    'used memory, MB',
    ...[median(used.map(({ usedMb }) => usedMb)), used.at(-1)!.usedMb, line.slope, line.noise].map(rounded),
  ]);
  console.log(formatTable(['process', 'after the warm-up', 'median', 'most', 'slope per minute', '±'], rows));
}

const MEASURES: readonly (readonly [what: string, unit: string, value: (sample: Sample) => number])[] = [
  ['RSS', 'MB', ({ rssMb }) => rssMb],
  ['descriptors', 'count', ({ descriptors }) => descriptors],
  ['handles', 'count', ({ handles }) => handles],
  ['event loop p99', 'ms', ({ loopP99Ms }) => loopP99Ms],
];

function panels({ samples, redis }: Sampler): Panel[] {
  const ofProcesses = MEASURES.map(([what, unit, value]) => ({
    title: what,
    unit,
    series: [...samples].map(([name, all]) => ({
      name,
      points: all
        .filter((sample) => !Number.isNaN(value(sample)))
        .map((sample) => [sample.minutes, value(sample)] as const),
    })),
  }));
  const ofRedis = [
    { name: 'used memory', points: redis.map(({ minutes, usedMb }) => [minutes, usedMb] as const) },
    { name: 'RSS', points: redis.map(({ minutes, rssMb }) => [minutes, rssMb] as const) },
  ];
  return [...ofProcesses, { title: 'Redis', unit: 'MB', series: ofRedis }];
}

const rounded = (value: number) => Number(value.toPrecision(3));
