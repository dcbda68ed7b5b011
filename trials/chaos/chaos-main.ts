/**
 * The API and workers under mixed load while processes are killed and frozen, Redis is killed, filled and cut, the disk
 * fills and turns read-only, bits flip and clocks jump. At the end everything that was accepted has exactly one outcome.
 *
 *     npm run chaos [-- --minutes 5] [--seed N] [--keep]
 *
 * What this machine cannot do (mount, compile, fake clocks) is left out, and printed.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { formatTable } from '../../src/cli/output.js';
import { Counts } from '../counts.js';
import { ImagePool } from '../images.js';
import { Latency } from '../latency.js';
import { ImageServer } from '../place/image-server.js';
import { Random } from '../random.js';
import { runTrial } from '../trial.js';
import { Account } from './account.js';
import { Audience } from './audience.js';
import { submitManifest, submitTar } from './batches.js';
import { extract, read, submitByDigest, submitImage, submitUrl, type Call } from './callers.js';
import { Ledger } from './ledger.js';
import { Reference } from './reference.js';
import { openSetting } from './setting.js';
import { checkQueue, settle } from './settle.js';
import { Shift } from './shift.js';
import { weather } from './weather.js';

const MINUTES = 5;
const PICTURES = 4;
const WORKERS = 2;
/** Callers at once, each with one kind of call. */
const CALLERS: readonly Call[] = [
  submitImage,
  submitByDigest,
  submitUrl,
  extract,
  extract,
  read,
  submitManifest,
  submitTar,
];
const PAUSE_MS = [50, 500] as const;
/** Batches take longer than a pause; more of them would only wait. */
const PAUSE_OF_BATCH_MS = [2000, 8000] as const;

export async function main(args: readonly string[]): Promise<void> {
  await runTrial('chaos', args, MINUTES, async ({ options, promises, say }) => {
    const random = new Random(options.seed);
    const setting = await openSetting(say, (line) => promises.broken('no process ends by itself', line), options.keep);
    const { place } = setting;
    if (options.keep) say(`the folder ${place.folder} is kept`);
    try {
      const pool = await ImagePool.make(PICTURES, random.fork());
      const images = await ImageServer.start((number) => pool.image(number));
      place.cleanUp.add(() => images.close());
      await setting.start('api');
      for (let i = 0; i < WORKERS; i++) await setting.start('worker');
      say('a calm run, for reference');
      const reference = await Reference.compute(place.url, pool);
      const ledger = new Ledger();
      const answers = new Counts();
      const over = new AbortController();
      const shift = new Shift(place.url, pool, images, ledger, reference, promises, answers, over.signal);
      for (let number = 0; number < PICTURES; number++) shift.image(number);
      const audience = new Audience(place.url, promises);
      place.cleanUp.add(() => audience.stop());
      const livez = Latency.ofLivez(() => place.url);
      place.cleanUp.add(() => livez.stop());

      const calling = CALLERS.map((call) => keepCalling(call, shift, random.fork()));
      const strikes = new Counts();
      await weather(setting, ledger, random.fork(), Date.now() + options.minutes * 60_000, strikes, say);
      over.abort();
      await Promise.all(calling);
      say('the weather is over; waiting for what was accepted');
      await settle(shift, audience);
      await livez.stop();
      say('taking account');
      const account = new Account(shift);
      await account.take();
      await audience.stop();
      account.compareAnnouncements(audience);
      await checkQueue(shift);
      // Starting workers sweep what dead ones have left.
      for (const worker of place.all('worker')) {
        const status = await worker.stop();
        place.servers.delete(worker);
        promises.check(status === 0, 'a worker that is stopped ends with status 0', String(status));
      }
      await setting.start('worker');
      await delay(1000);
      await account.lookForLeftovers(place.data);

      console.log(`jobs ${ledger.jobs.size}, batches ${ledger.batches.size} with ${ledger.lines} lines`);
      console.log(`outcomes: ${account.outcomes.text}`);
      console.log(
        `sets read and compared: ${account.archives.text}; damaged on purpose: ${ledger.damagedSets.size} sets, ${ledger.damagedUploads.size} uploads`,
      );
      console.log(
        `announced ${audience.heard.size}, delivered to the group ${audience.delivered.size}, acknowledged ${audience.acknowledged.size}, connections ${audience.connections}`,
      );
      console.log(
        `livez: ${livez.statuses.text}; p99 ${livez.ms(0.99).toFixed(0)} ms with all that was done to the API`,
      );
      console.log(formatTable(['fault', 'times'], strikes.entries()));
      console.log(formatTable(['answer', 'times'], answers.entries()));
    } finally {
      await place.close();
    }
  });
}

async function keepCalling(call: Call, shift: Shift, random: Random): Promise<void> {
  const [least, most] = call === submitManifest || call === submitTar ? PAUSE_OF_BATCH_MS : PAUSE_MS;
  while (!shift.signal.aborted) {
    await call(shift, random);
    await delay(random.between(least, most), undefined, { signal: shift.signal }).catch(() => undefined);
  }
}
