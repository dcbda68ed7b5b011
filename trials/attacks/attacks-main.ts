/**
 * What once took the service down, one after the other, each on processes of its own: whether they live, how much memory
 * they took at most, and what others noticed of it meanwhile.
 *
 *     npm run attacks [-- --only 1,6,15] [--out attacks.md] [--keep]
 *
 * Others ask for the levels of a stored set five times a second, and for those of a new image once a second.
 */
import { writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { ask } from '../ask.js';
import { Counts } from '../counts.js';
import { ImagePool } from '../images.js';
import { Latency } from '../latency.js';
import { Place } from '../place/place.js';
import type { Server } from '../place/server.js';
import { Random } from '../random.js';
import { runTrial, type Trial } from '../trial.js';
import { OPTIONS, type Attack } from './attack.js';
import { BOMBS } from './bombs.js';
import { SIEGES } from './sieges.js';

const ATTACKS = [...BOMBS, ...SIEGES].sort((a, b) => a.number - b.number);
/** Samples enough for a p99, where an attack is over at once. */
const LEAST_MS = 8000;
const CALM_MS = 6000;
const LIVEZ_EVERY_MS = 50;
const STORED_EVERY_MS = 200;
const NEW_EVERY_MS = 1000;
const MINUTES = 15;
const HEAD = [
  '#',
  'attack',
  'sent',
  'answers to it',
  'alive',
  'peak RSS API / worker',
  'livez p99',
  'stored extract p99 (calm)',
  'new extract p50, most',
  `before (3f3b89d)`,
];

export async function main(args: readonly string[]): Promise<void> {
  await runTrial('attacks', args, MINUTES, async (trial) => {
    const { options, say } = trial;
    const chosen = options.only?.split(',').map(Number);
    const rows: string[][] = [];
    for (const attack of ATTACKS) {
      if (chosen && !chosen.includes(attack.number)) continue;
      say(`#${attack.number} ${attack.name}`);
      rows.push(await run(attack, trial));
      say(rows.at(-1)!.slice(2, 9).join(' · '));
    }
    const table = markdown(HEAD, rows);
    console.log(table);
    if (options.out !== undefined) await writeFile(options.out, table);
  });
}

async function run(attack: Attack, { options, promises }: Trial): Promise<string[]> {
  const what = `#${attack.number} ${attack.name}`;
  const onCrash = (line: string) => promises.broken('no attack ends a process', `${what}: ${line}`);
  const place = await Place.open({ onCrash, keep: options.keep, env: attack.env ?? {} });
  try {
    const [api, worker] = [await place.start('api'), await place.start('worker')];
    const pool = await ImagePool.make(2, new Random(attack.number));
    const others = await watch(place, pool);
    await delay(CALM_MS);
    const calm = others.stored.ms(0.99);
    for (const latency of Object.values(others)) latency.reset();

    const answers = new Counts();
    let bytes = 0;
    const sent = (count: number) => void (bytes += count);
    await Promise.all([attack.strike({ place, url: place.url, answers, sent }), delay(LEAST_MS)]);
    for (const latency of Object.values(others)) await latency.stop();
    const { livez, stored, fresh } = others;
    promises.check(
      stored.statuses.of('200') === stored.statuses.total,
      'others get what is stored',
      `${what}: ${stored.statuses.text}`,
    );
    const ms = (value: number) => `${value.toFixed(0)} ms`;
    return [
      String(attack.number),
      attack.name,
      size(bytes),
      answers.text,
      `API ${alive(api)}, worker ${alive(worker)}`,
      `${(await api.memoryMb('VmHWM')).toFixed(0)} / ${(await worker.memoryMb('VmHWM')).toFixed(0)} MB`,
      `${ms(livez.ms(0.99))} (${livez.statuses.text})`,
      `${ms(stored.ms(0.99))} (${ms(calm)}; ${stored.statuses.text})`,
      `${ms(fresh.ms(0.5))}, ${ms(fresh.ms(1))} (${fresh.statuses.text})`,
      attack.before,
    ];
  } finally {
    await place.close();
  }
}

/** What other callers do. */
async function watch({ url }: Place, pool: ImagePool): Promise<Record<'livez' | 'stored' | 'fresh', Latency>> {
  const extract = (number: number, signal?: AbortSignal) =>
    ask(url, `/v1/extract?${OPTIONS}`, { method: 'POST', body: pool.image(number), ...(signal && { signal }) });
  const first = await extract(0);
  if (first?.status !== 200) throw new Error(`/v1/extract: ${first?.status} ${first?.body.toString()}`);
  return {
    livez: Latency.ofLivez(() => url, LIVEZ_EVERY_MS),
    stored: new Latency(STORED_EVERY_MS, (_, signal) => extract(0, signal)),
    // Numbers that no attack uses.
    fresh: new Latency(NEW_EVERY_MS, (number, signal) => extract(1_000_000 + number, signal)),
  };
}

const alive = (server: Server) => (server.isAlive ? 'alive' : 'DEAD');
const size = (bytes: number) => (bytes < 1e6 ? `${(bytes / 1e3).toFixed(0)} kB` : `${(bytes / 1e6).toFixed(1)} MB`);

function markdown(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line), ''].join('\n');
}
