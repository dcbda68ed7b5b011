import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { request } from 'node:http';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import sharp from 'sharp';
import { ask, parse } from '../ask.js';
import { ImagePool } from '../images.js';
import { Random } from '../random.js';
import { many, OPTIONS, silent, strike, type Attack, type Target } from './attack.js';

/** How long those hold out that wait for nothing. */
const SIEGE_MS = 15_000;
const DRIP_EVERY_MS = 5000;
const JSON_TYPE = { 'content-type': 'application/json' };
const LARGE = 'model=mask-rcnn-resnet18&size=1024&levels=C2,C3,C4,C5&dtype=float32';
const MIB = 1 << 20;

/** What holds on to connections, places and space. */
export const SIEGES: readonly Attack[] = [
  {
    number: 2,
    name: 'feature streams that are not read, 800',
    before: 'API OOM-killed at about 520 (7.4 MB each)',
    async strike(target) {
      const id = await largeSet(target);
      const head = `GET /v1/features/${id}.safetensors HTTP/1.1\r\nHost: localhost\r\n\r\n`;
      await hold(target, 800, () => silent(target, head));
    },
  },
  {
    number: 3,
    name: 'three URLs that drip',
    before: 'worker did nothing else; an extract had no answer after 90 s',
    env: { CAIRN_URL_ALLOW: '127.0.0.1' },
    async strike(target) {
      const server = createServer((_, response) => {
        response.writeHead(200, { 'content-type': 'image/jpeg', 'content-length': 60_000_000 });
        const dripping = setInterval(() => response.write('\xff', 'latin1'), DRIP_EVERY_MS);
        response.write('\xff\xd8\xff\xe0', 'latin1');
        response.on('close', () => clearInterval(dripping)).on('error', () => undefined);
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const { port } = server.address() as AddressInfo;
      const body = Buffer.from(
        JSON.stringify({ source: { url: `http://127.0.0.1:${port}/` }, model: 'mask-rcnn-resnet18', size: 64 }),
      );
      await many(3, 3, () => strike(target, '/v1/jobs', { method: 'POST', headers: JSON_TYPE, body }));
      await delay(SIEGE_MS);
      server.closeAllConnections();
      server.close();
    },
  },
  {
    number: 8,
    name: 'a zip without end',
    before: '258 MB/s on the disk, no limit',
    strike: zipWithoutEnd,
  },
  {
    number: 10,
    name: '10,000 jobs of one caller',
    before: '429 for everybody else',
    async strike(target) {
      const pool = await ImagePool.make(2, new Random(1));
      await many(10_000, 32, (number) =>
        strike(target, `/v1/jobs?${OPTIONS}&priority=high`, { method: 'POST', body: pool.image(number) }),
      );
    },
  },
  {
    number: 12,
    name: 'bodies that stop half way, 10,300',
    before: 'livez dead for as long as they were held; 20,000 descriptors',
    async strike(target) {
      const head =
        'POST /v1/images HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\nContent-Type: image/jpeg\r\n\r\nhalf';
      await hold(target, 10_300, () => silent(target, head));
    },
  },
  {
    number: 13,
    name: 'regions that are not read, 32',
    before: '503 busy for all others without limit; event loop 96 % busy',
    // The default is a minute.
    env: { CAIRN_ANSWER_TIMEOUT_MS: '5000' },
    async strike(target) {
      const id = await largeSet(target);
      const path = `/v1/features/${id}/roi-align`;
      const boxes = Array.from({ length: 10_000 }, () => [0, 0, 1024, 1024]);
      const huge = JSON.stringify({ boxes, levels: ['C2'], method: 'torchvision', outputSize: 64, samplingRatio: 16 });
      await strike(target, path, { method: 'POST', headers: JSON_TYPE, body: Buffer.from(huge) });
      const body = JSON.stringify({ boxes, levels: ['C2'] });
      const head = `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;
      await hold(target, 32, () => silent(target, head + body));
      const small = Buffer.from(JSON.stringify({ boxes: boxes.slice(0, 10), levels: ['C2'] }));
      const deadline = Date.now() + 60_000;
      while (Date.now() < deadline) {
        const answer = await strike(target, path, { method: 'POST', headers: JSON_TYPE, body: small });
        if (answer?.status === 200) return;
        await delay(500);
      }
    },
  },
];

/** Keeps so many connections open for a while; counts those that the server has closed by then. */
async function hold({ answers }: Target, count: number, open: () => Promise<Socket>): Promise<void> {
  const sockets: Socket[] = [];
  let closed = 0;
  await many(count, 64, async () => {
    const socket = await open();
    socket.once('close', () => closed++);
    sockets.push(socket);
  });
  await delay(SIEGE_MS);
  answers.add('closed by the server', closed);
  answers.add('held', count - closed);
  for (const socket of sockets) socket.destroy();
}

/** A set whose levels are more than the buffers of a connection. */
async function largeSet({ url }: Target): Promise<string> {
  const image = await sharp({ create: { width: 64, height: 64, channels: 3, background: '#975' } })
    .png()
    .toBuffer();
  const answer = await ask(url, `/v1/jobs?${LARGE}`, { method: 'POST', body: image });
  const { id } = parse<{ id: string }>(answer!);
  for (;;) {
    const { state, features, error } = parse<{ state: string; features?: { id: string }; error?: object }>(
      (await ask(url, `/v1/jobs/${id}`))!,
    );
    if (features) return features.id;
    if (state === 'failed') throw new Error(JSON.stringify(error));
    await delay(200);
  }
}

/** A body that begins like a zip and goes on; how much of it lies on the disk is noted. */
async function zipWithoutEnd({ url, place, answers, sent }: Target): Promise<void> {
  let most = 0;
  const looking = setInterval(() => void folderBytes(place.data).then((bytes) => (most = Math.max(most, bytes))), 250);
  await new Promise<void>((resolve) => {
    const asked = request(`${url}/v1/batches`, { method: 'POST', agent: false }, (answer) => {
      answers.add(String(answer.statusCode));
      answer.resume().once('close', resolve);
    });
    asked.on('error', () => undefined).once('close', resolve);
    asked.write(Buffer.from('PK\x03\x04'));
    const piece = Buffer.alloc(MIB);
    const end = Date.now() + SIEGE_MS;
    const pump = () => {
      while (!asked.destroyed && Date.now() < end) {
        sent(piece.length);
        if (!asked.write(piece)) return void asked.once('drain', pump);
      }
      asked.destroy();
    };
    pump();
  });
  clearInterval(looking);
  answers.add(`${Math.round(most / MIB)} MiB on the disk`);
}

async function folderBytes(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const sizes = entries
    .filter((entry) => entry.isFile())
    .map((entry) =>
      stat(join(entry.parentPath, entry.name)).then(
        ({ size }) => size,
        () => 0,
      ),
    );
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}
