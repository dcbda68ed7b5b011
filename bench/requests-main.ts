/**
 * Requests per second of one process that is API and worker, with a small image over 16 connections: a job that the
 * store answers, an extract that the store answers, and new jobs.
 *
 *     npm run bench -- requests [--against FOLDER | --sync] [--rounds 5] [--seconds 4] [--json]
 *
 * With `--against`, another checkout that has been built is measured in turn with this one, and the figures that mean
 * something are the ratios. With `--sync` it is new jobs of an API without a worker, on a Redis that syncs before each reply
 * (`appendfsync always`), in turn with one that syncs once a second.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { DistinctImages } from './distinct-images.js';
import { progress } from './progress.js';
import { Sender } from './sender.js';
import { Service, startRedis } from './service.js';
import { median } from './statistics.js';

const { values: flags } = parseArgs({
  allowPositionals: true,
  options: {
    against: { type: 'string' },
    sync: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '4' },
    json: { type: 'boolean', default: false },
  },
});
const CONNECTIONS = 16;
const OPTIONS = 'model=mask-rcnn-resnet18&size=64&levels=C5';
const HERE = fileURLToPath(new URL('../..', import.meta.url));
const CALLS = {
  'stored job': `/v1/jobs?${OPTIONS}`,
  'stored extract': `/v1/extract?${OPTIONS}`,
  'new job': `/v1/jobs?${OPTIONS}&priority=low`,
} as const;
type Call = keyof typeof CALLS;

interface Variant {
  readonly checkout: string;
  /** An API without a worker, whose Redis keeps its data with this setting; else both, and Redis keeps none. */
  readonly appendfsync?: 'always' | 'everysec';
}

/** One build of the service with a Redis and a folder of its own. */
class Build {
  readonly rates: Record<Call, number[]> = { 'stored job': [], 'stored extract': [], 'new job': [] };
  private readonly sender: Sender;
  private readonly images: DistinctImages;

  private constructor(
    private readonly image: Buffer,
    private readonly url: string,
    private readonly cleanUp: () => Promise<void>,
  ) {
    this.sender = new Sender(url, CONNECTIONS);
    this.images = new DistinctImages(image, 'image/png');
  }

  static async start({ checkout, appendfsync }: Variant, image: Buffer): Promise<Build> {
    const folder = await mkdtemp(join(tmpdir(), 'cairn-bench-'));
    const redis = await startRedis(
      appendfsync === undefined ? {} : { dataDir: join(folder, 'redis'), settings: { appendfsync } },
    );
    const data = join(folder, 'data');
    const env = { CAIRN_QUEUE_LIMIT: '1000000', CAIRN_DEVICE: 'cpu', REDIS_URL: redis.url, CAIRN_DATA_DIR: data };
    const service = await Service.start(appendfsync ? 'api' : 'all', env, { root: checkout });
    const cleanUp = async () => {
      await service.end('SIGKILL');
      await redis.stop();
      await rm(folder, { recursive: true, force: true });
    };
    const build = new Build(image, service.url, cleanUp);
    if (!appendfsync) await build.send('stored extract', image);
    return build;
  }

  /** Keeps all connections busy for some seconds. */
  async measure(call: Call, seconds: number): Promise<void> {
    const begun = performance.now();
    const end = begun + seconds * 1000;
    let answered = 0;
    const connection = async () => {
      while (performance.now() < end) {
        await this.send(call, call === 'new job' ? this.images.next() : this.image);
        answered++;
      }
    };
    await Promise.all(Array.from({ length: CONNECTIONS }, connection));
    this.rates[call].push((answered * 1000) / (performance.now() - begun));
  }

  /** Waits until the queue is empty, so that what one round submitted does not run during the next. */
  async drained(): Promise<void> {
    const open = /^cairn_jobs\{state="(?:queued|active)"\} [1-9]/m;
    while (open.test(await (await fetch(new URL('/metrics', this.url))).text())) await delay(200);
  }

  async stop(): Promise<void> {
    this.sender.close();
    await this.cleanUp();
  }

  private send(call: Call, body: Buffer): Promise<string> {
    return this.sender.post(CALLS[call], this.images.type, body);
  }
}

const image = await sharp({ create: { width: 48, height: 48, channels: 3, background: '#468' } })
  .png()
  .toBuffer();
const variants: Variant[] = flags.sync
  ? [
      { checkout: HERE, appendfsync: 'always' },
      { checkout: HERE, appendfsync: 'everysec' },
    ]
  : [HERE, ...(flags.against === undefined ? [] : [resolve(flags.against)])].map((checkout) => ({ checkout }));
const calls = flags.sync ? (['new job'] as const) : (Object.keys(CALLS) as Call[]);
const builds: Build[] = [];
try {
  for (const variant of variants) builds.push(await Build.start(variant, image));
  for (let round = 0; round <= Number(flags.rounds); round++) {
    for (const call of calls) {
      for (const build of builds) {
        await build.measure(call, Number(flags.seconds));
        if (!flags.sync) await build.drained();
        // Nothing is cold any more when it counts.
        if (round === 0) build.rates[call].length = 0;
      }
      progress(`round ${round} of ${flags.rounds}, ${call}`);
    }
  }
  const results = calls.map((call) => {
    const [here, there] = builds.map(({ rates }) => rates[call]);
    const ratios = there && here!.map((rate, round) => rate / there[round]!);
    return { call, perSecond: median(here!), ...(there && { against: median(there), ratio: median(ratios!) }) };
  });
  if (flags.json) console.log(JSON.stringify({ node: process.version, connections: CONNECTIONS, results }));
  else for (const result of results) console.log(show(result));
} finally {
  for (const build of builds) await build.stop();
}

function show({
  call,
  perSecond,
  against,
  ratio,
}: {
  call: Call;
  perSecond: number;
  against?: number;
  ratio?: number;
}) {
  const beside = against === undefined ? '' : `, ${against.toFixed(0)} there: ${ratio!.toFixed(2)} times`;
  return `${call}: ${perSecond.toFixed(0)} requests/s${beside}`;
}
