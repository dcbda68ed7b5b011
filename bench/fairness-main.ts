/**
 * What one caller's flood costs another: `POST /v1/extract` of a set that the store has, with an idle service and while
 * another address floods it with jobs, slow URLs and the largest models. Idle and flooded rounds take turns.
 *
 *     npm run bench -- fairness [--rounds 3] [--requests 300] [--jobs 10000] [--connections 32] [--json]
 */
import { Redis } from 'ioredis';
import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { DistinctImages } from './distinct-images.js';
import { progress } from './progress.js';
import { Service, startRedis } from './service.js';
import { median, quantile } from './statistics.js';

const { values: flags } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '3' },
    requests: { type: 'string', default: '300' },
    jobs: { type: 'string', default: '10000' },
    connections: { type: 'string', default: '32' },
    json: { type: 'boolean', default: false },
  },
});
const [rounds, requests, jobs, connections] = [flags.rounds, flags.requests, flags.jobs, flags.connections].map(
  Number,
) as [number, number, number, number];
const OPTIONS = 'model=mask-rcnn-resnet18&size=64&levels=C5';
const LARGE = 'model=mask-rcnn-resnet152&size=1024';
/** The pause between two requests of the caller that is measured. */
const PAUSE_MS = 10;
const MOST_LARGE = 8;
const MOST_URLS = 200;

/** A caller with an address of its own, as a server without keys tells callers apart. */
class Caller {
  private readonly agent: Agent;

  constructor(
    private readonly origin: string,
    localAddress: string,
    maxSockets: number,
  ) {
    this.agent = new Agent({ keepAlive: true, maxSockets, localAddress });
  }

  /** The status, once the whole response has come. */
  post(path: string, type: string, body: Buffer): Promise<number> {
    return new Promise((done, failed) => {
      const headers = { 'content-type': type, 'content-length': body.length };
      const sent = request(new URL(path, this.origin), { method: 'POST', agent: this.agent, headers }, (answer) => {
        answer.once('end', () => done(answer.statusCode!)).once('error', failed);
        answer.resume();
      });
      sent.once('error', failed).end(body);
    });
  }

  close(): void {
    this.agent.destroy();
  }
}

/** A server whose images never come. */
async function startDripping(): Promise<{ url: string; close: () => void }> {
  const server: Server = createServer((_, response) => {
    const drip = setInterval(() => response.write('x'), 500);
    response.on('close', () => clearInterval(drip));
  }).listen(0, '127.0.0.1');
  await new Promise((listening) => server.once('listening', listening));
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, close };
}

const folder = await mkdtemp(join(tmpdir(), 'cairn-bench-'));
const redis = await startRedis();
const env = { REDIS_URL: redis.url, CAIRN_DATA_DIR: folder, CAIRN_DEVICE: 'cpu', CAIRN_QUEUE_LIMIT: '1000000' };
const commands = new Redis(redis.url);
const services: Service[] = [];
const start = async (role: 'api' | 'worker') => {
  const service = await Service.start(role, env);
  services.push(service);
  return service;
};
const image = await sharp({ create: { width: 64, height: 64, channels: 3, background: '#357' } })
  .png()
  .toBuffer();
const dripping = await startDripping();
try {
  const { url } = await start('api');
  await start('worker');
  const victim = new Caller(url, '127.0.0.1', 1);
  const distinct = new DistinctImages(image, 'image/png');

  const measure = async (): Promise<number[]> => {
    const times: number[] = [];
    for (let i = 0; i < requests; i++) {
      const begun = performance.now();
      const status = await victim.post(`/v1/extract?${OPTIONS}`, 'image/png', image);
      times.push(performance.now() - begun);
      if (status !== 200) throw new Error(`The measured caller got ${status}.`);
      await delay(PAUSE_MS);
    }
    return times;
  };

  /** Floods until it is stopped, or has submitted its jobs; returns how many the service has accepted. */
  const flood = async (stop: AbortSignal): Promise<Record<string, number>> => {
    const caller = new Caller(url, '127.0.0.2', connections);
    const statuses: Record<string, number> = {};
    let sent = 0;
    const connection = async () => {
      while (!stop.aborted && sent < jobs) {
        const i = sent++;
        const source = Buffer.from(JSON.stringify({ source: { url: `${dripping.url}${i}` }, size: 64 }));
        const status = await (
          i < MOST_LARGE
            ? caller.post(`/v1/jobs?${LARGE}&priority=high`, 'image/png', distinct.next())
            : i < MOST_LARGE + MOST_URLS
              ? caller.post('/v1/jobs?priority=high', 'application/json', source)
              : caller.post(`/v1/jobs?${OPTIONS}&priority=high`, 'image/png', distinct.next())
        ).catch(() => 0);
        statuses[status] = (statuses[status] ?? 0) + 1;
      }
    };
    await Promise.all(Array.from({ length: connections }, connection));
    caller.close();
    return statuses;
  };

  await measure();
  const idle: number[][] = [];
  const flooded: number[][] = [];
  const statuses: Record<string, number>[] = [];
  for (let round = 0; round < rounds; round++) {
    progress(`round ${round + 1} of ${rounds}: idle`);
    idle.push(await measure());
    progress(`round ${round + 1} of ${rounds}: flooded`);
    const stop = new AbortController();
    const flooding = flood(stop.signal);
    await delay(500);
    flooded.push(await measure());
    stop.abort();
    statuses.push(await flooding);
    progress(`the flood was answered ${JSON.stringify(statuses.at(-1))}`);
    // The flood's jobs go with the worker that runs them, so that the next round begins idle.
    await services.pop()!.end('SIGKILL');
    await commands.flushall();
    await start('worker');
  }
  const p = (share: number) => {
    const [quiet, busy] = [idle, flooded].map((all) => all.map((times) => quantile(times, share))) as [
      number[],
      number[],
    ];
    return { idleMs: median(quiet), floodedMs: median(busy), ratio: median(busy.map((ms, i) => ms / quiet[i]!)) };
  };
  const result = { rounds, requests, connections, p50: p(0.5), p99: p(0.99), statuses };
  const row = (name: string, { idleMs, floodedMs, ratio }: ReturnType<typeof p>) =>
    `${name}: ${idleMs.toFixed(1)} ms idle, ${floodedMs.toFixed(1)} ms flooded, ratio ${ratio.toFixed(2)}`;
  process.stdout.write(
    flags.json ? `${JSON.stringify(result)}\n` : `${row('p50', result.p50)}\n${row('p99', result.p99)}\n`,
  );
} finally {
  await Promise.all(services.map((service) => service.end('SIGKILL')));
  commands.disconnect();
  await redis.stop();
  dripping.close();
  await rm(folder, { recursive: true, force: true });
}
