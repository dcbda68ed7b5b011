import { readFile } from 'node:fs/promises';
import { join, parse } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pLimit from 'p-limit';
import { loadScript, Service, startRedis } from '../service.js';
import type { Running } from './contestant.js';
import { startProgram, type Program } from './line-process.js';

/** Requests under way at once. */
export const CONNECTIONS = 4;
const PROBE_EVERY_MS = 50;

const image = (body: Buffer) => ({ method: 'POST', headers: { 'content-type': 'image/jpeg' }, body });

/** Sends all images over a few connections; `send` resolves when the archive of one is stored. */
async function sendAll(images: readonly string[], send: (name: string, bytes: Buffer) => Promise<void>): Promise<void> {
  const turns = pLimit(CONNECTIONS);
  await Promise.all(images.map((path) => turns(async () => send(parse(path).name, await readFile(path)))));
}

/** The body of a successful response. */
async function read(response: Response): Promise<string> {
  const text = await response.text();
  if (!response.ok) throw new Error(`${response.url}: ${response.status} ${text}`);
  return text;
}

/** bench/peers/fastapi_peer.py; `program` takes the folder of the archives and the port as further arguments. */
export async function startFastApi(program: Program, folder: string): Promise<Running> {
  const { unusedPort } = await loadScript<typeof import('../../scripts/process/ports.mjs')>('process/ports.mjs');
  const port = await unusedPort();
  const { child, ended, stop } = await startProgram({ ...program, args: [...program.args, folder, String(port)] });
  const url = `http://127.0.0.1:${port}`;
  const listens = async () => {
    while (
      !(await fetch(`${url}/docs`)
        .then(read)
        .catch(() => ''))
    )
      await delay(PROBE_EVERY_MS);
  };
  await Promise.race([listens(), ended]);
  const send = async (name: string, bytes: Buffer) => {
    await read(await fetch(`${url}/pyramids/${name}`, image(bytes)));
  };
  return {
    archives: folder,
    pids: [child.pid!],
    stop,
    extract: (images) => Promise.race([sendAll(images, send), ended]),
  };
}

/** Cairn's API and worker in one process, with a Redis that keeps an append-only file. */
export async function startCairn(
  query: Readonly<Record<string, string>>,
  env: Readonly<Record<string, string>>,
  folder: string,
): Promise<Running> {
  const redis = await startRedis({ dataDir: join(folder, 'redis') });
  const settings = { ...env, REDIS_URL: redis.url, CAIRN_DATA_DIR: join(folder, 'data'), CAIRN_DEVICE: 'cpu' };
  const service = await Service.start('all', settings).catch(async (error: unknown) => {
    await redis.stop();
    throw error;
  });
  const jobs = `${service.url}/v1/jobs`;
  const send = async (_: string, bytes: Buffer) => {
    const { id } = JSON.parse(
      await read(await fetch(`${jobs}?${new URLSearchParams(query).toString()}`, image(bytes))),
    ) as Job;
    // The events end when the job does.
    await read(await fetch(`${jobs}/${id}/events`));
    const job = JSON.parse(await read(await fetch(`${jobs}/${id}`))) as Job;
    if (job.state !== 'completed') throw new Error(`Job ${id} is ${job.state}: ${JSON.stringify(job.error)}`);
  };
  return {
    archives: join(folder, 'data', 'features'),
    pids: [service.pid, redis.pid],
    extract: (images) => sendAll(images, send),
    stop: async () => {
      await service.end();
      await redis.stop();
    },
  };
}

interface Job {
  readonly id: string;
  readonly state: string;
  readonly error?: unknown;
}
