/**
 * Generated and mutated requests to every operation of the OpenAPI document, and mutated weights files and archives: no
 * 5xx but documented ones, no crash, no stack or path in an answer, a server that stays quick and gives its memory back.
 *
 *     npm run fuzz [-- --minutes 5 | --requests N] [--seed N] [--only NUMBER] [--no-timing] [--keep]
 *
 * `--only` sends one request of a seed, and prints it.
 */
import { execFile } from 'node:child_process';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { formatTable } from '../../src/cli/output.js';
import { ask } from '../ask.js';
import { Latency } from '../latency.js';
import { Place } from '../place/place.js';
import type { Server } from '../place/server.js';
import { runTrial, type Trial } from '../trial.js';
import type { FileResults } from './files-main.js';
import { Fuzzer } from './fuzzer.js';
import { Judge } from './judge.js';
import { Known } from './known.js';
import { readOperations } from './operations.js';
import { requestOf } from './requests.js';

const MINUTES = 5;
const CONCURRENCY = 8;
const FILES_SHARE = 0.2;
const MAX_FILES_SECONDS = 300;
/** Before the first measurement: everything has been compiled and cached once. */
const WARM_UP_REQUESTS = 2000;
const LIVEZ_P99_MS = 250;
const RSS_BACK_MB = 150;
const IDLE_WITHIN_MS = 60_000;
const REPORT_EVERY_MS = 10_000;
const MAIN = fileURLToPath(new URL('../main.js', import.meta.url));
const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
/** Small jobs, of which thousands are computed, and few that wait. */
const ENV = {
  CAIRN_MAX_SIZE: '256',
  CAIRN_MAX_JOB_BYTES: String(2 ** 30),
  CAIRN_QUEUE_LIMIT: '50',
  CAIRN_URL_TIMEOUT_MS: '2000',
  CAIRN_THREADS: '1',
  CAIRN_DRAIN_TIMEOUT_MS: '20000',
};

export async function main(args: readonly string[]): Promise<void> {
  await runTrial('fuzz', args, MINUTES, async (trial) => {
    const { options, promises, say } = trial;
    const onCrash = (line: string) => promises.broken('no process ends by itself', line);
    const place = await Place.open({ env: ENV, onCrash, keep: options.keep });
    if (options.keep) say(`the folder ${place.folder} is kept`);
    try {
      const api = await place.start('api');
      const worker = await place.start('worker');
      const known = await Known.make(place.url);
      const operations = await readOperations(place.url);
      const judge = new Judge(operations, [place.folder, ROOT, homedir()]);
      const fuzzer = new Fuzzer(place.url, options.seed, requestOf(operations), known, judge, promises);
      if (options.only !== undefined) {
        console.log(fuzzer.show(Number(options.only)));
        console.log(await fuzzer.send(Number(options.only)));
        return;
      }
      const fileSeconds = Math.min(MAX_FILES_SECONDS, options.minutes * 60 * FILES_SHARE);
      await fuzzFiles(trial, place, fileSeconds);
      await fuzzRequests(trial, fuzzer, api, worker, options.minutes * 60_000 - fileSeconds * 1000);
      const missed = operations.filter(({ name }) => fuzzer.operations.of(name) === 0);
      if (missed.length > 0) console.log(`without a request: ${missed.map(({ name }) => name).join(', ')}`);
      for (const server of [api, worker]) {
        const status = await server.stop();
        promises.check(status === 0, 'a process that is stopped ends with status 0', `${server.name}: ${status}`);
      }
    } finally {
      await place.close();
    }
  });
}

async function fuzzFiles({ options, promises, say }: Trial, place: Place, seconds: number): Promise<void> {
  say(`weights files and archives, ${seconds.toFixed(0)} s`);
  const folder = join(place.data, 'features');
  const args = [MAIN, 'fuzz-files', String(options.seed), String(seconds), folder];
  const { stdout } = await promisify(execFile)(process.execPath, args).catch((error: unknown) => {
    promises.broken(
      'no file ends the process that reads it',
      String((error as { stderr?: string }).stderr ?? error).slice(-2000),
    );
    return { stdout: '' };
  });
  if (stdout === '') return;
  const { files, sound, refused, breaches, slowestMs, rssMb } = JSON.parse(stdout) as FileResults;
  for (const breach of breaches) promises.broken('a file is read or refused with a code', breach);
  console.log(
    `files: ${files}, of them ${sound} read and ${refused} refused; the slowest ${slowestMs.toFixed(0)} ms; RSS ${rssMb.warm.toFixed(0)} → ${rssMb.end.toFixed(0)} MB`,
  );
}

async function fuzzRequests(trial: Trial, fuzzer: Fuzzer, api: Server, worker: Server, forMs: number): Promise<void> {
  const { options, promises, say } = trial;
  const { url } = api;
  let next = 0;
  const run = async (isOver: () => boolean) => {
    const loop = async () => {
      while (!isOver() && api.isAlive) await fuzzer.send(next++);
    };
    await Promise.all(Array.from({ length: CONCURRENCY }, loop));
  };
  say(
    `${options.requests ?? 'as many'} requests${options.requests === undefined ? ` as ${(forMs / 1000).toFixed(0)} s allow` : ''}`,
  );
  const begun = Date.now();
  await run(() => next >= WARM_UP_REQUESTS || Date.now() > begun + forMs / 4);
  await idle(url);
  const before = { api: await api.memoryMb('VmRSS'), worker: await worker.memoryMb('VmRSS') };
  const livez = Latency.ofLivez(() => url);
  const reporting = setInterval(() => say(`${next} requests, API ${api.isAlive ? 'alive' : 'dead'}`), REPORT_EVERY_MS);
  try {
    await run(() => (options.requests === undefined ? Date.now() > begun + forMs : next >= options.requests));
  } finally {
    clearInterval(reporting);
    await livez.stop();
  }
  const seconds = (Date.now() - begun) / 1000;
  const peak = await api.memoryMb('VmHWM');
  if (!api.isAlive) return;
  await idle(url);
  const after = await settled(api, before.api + RSS_BACK_MB);
  promises.check(
    after - before.api <= RSS_BACK_MB,
    `RSS of the API is back within ${RSS_BACK_MB} MB`,
    `${before.api.toFixed(0)} → ${after.toFixed(0)} MB`,
  );
  const p99 = livez.ms(0.99);
  if (options.timing && livez.count > 0)
    promises.check(p99 <= LIVEZ_P99_MS, `livez p99 is at most ${LIVEZ_P99_MS} ms`, `${p99.toFixed(0)} ms`);
  console.log(`requests: ${next}, ${(next / seconds).toFixed(0)} per second`);
  console.log(
    `livez: p50 ${livez.ms(0.5).toFixed(0)}, p99 ${p99.toFixed(0)}, most ${livez.ms(1).toFixed(0)} ms of ${livez.count}; ${livez.statuses.text}`,
  );
  console.log(
    `RSS of the API: warm ${before.api.toFixed(0)}, peak ${peak.toFixed(0)}, at the end ${after.toFixed(0)} MB; worker ${before.worker.toFixed(0)} → ${(await worker.memoryMb('VmRSS')).toFixed(0)} MB`,
  );
  console.log(formatTable(['status', 'answers'], fuzzer.statuses.entries()));
  console.log(formatTable(['operation', 'requests'], fuzzer.operations.entries()));
}

/** Waits until nothing waits or runs. */
async function idle(origin: string): Promise<void> {
  const deadline = Date.now() + IDLE_WITHIN_MS;
  while (Date.now() < deadline) {
    const metrics = (await ask(origin, '/metrics'))?.body.toString() ?? '';
    if (!/^cairn_jobs\{state="(queued|active)"\} [1-9]/m.test(metrics)) return;
    await delay(500);
  }
}

/** Memory once it is no more than `limit`, or a minute later: what is free is given back by and by. */
async function settled(api: Server, limit: number): Promise<number> {
  const deadline = Date.now() + IDLE_WITHIN_MS;
  for (;;) {
    const rss = await api.memoryMb('VmRSS');
    if (rss <= limit || Date.now() > deadline) return rss;
    await delay(1000);
  }
}
