/** The S3 store against the SDK alone, on one server, interleaved: MB/s, and their ratio pair by pair. */
import { DeleteObjectCommand, GetObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { parseArgs } from 'node:util';
import { makeClient } from '../src/features/store/s3/s3-client.js';
import { S3Store } from '../src/features/store/s3/s3-store.js';
import { CleanUp } from './clean-up.js';
import { progress } from './progress.js';
import { median, ratios } from './statistics.js';
import { findS3 } from './store/s3-server.js';

const MB = 1e6;
const CHUNK = 1 << 20;
const RANGE = 1 << 20;

const { values } = parseArgs({
  args: process.argv.slice(3),
  options: {
    rounds: { type: 'string', default: '7' },
    megabytes: { type: 'string', default: '4,40' },
    memory: { type: 'string', default: '400' },
    json: { type: 'boolean', default: false },
  },
});

/** Given in chunks, as archives are. */
async function* chunks(bytes: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += CHUNK) yield await Promise.resolve(bytes.subarray(at, at + CHUNK));
}

async function drain(stream: AsyncIterable<Uint8Array>): Promise<number> {
  let size = 0;
  for await (const chunk of stream) size += chunk.byteLength;
  return size;
}

/** What is compared: by the store, and by the SDK as one would use it. */
function pairs(store: S3Store, client: S3Client, Bucket: string, prefix: string, bytes: Buffer) {
  const at = (key: string) => ({ Bucket, Key: `${prefix}/${key}` });
  const get = async (Range?: string) =>
    drain(
      (await client.send(new GetObjectCommand({ ...at('sdk'), ...(Range !== undefined && { Range }) })))
        .Body as Readable,
    );
  return {
    put: [
      () => store.put('store', chunks(bytes)),
      () => new Upload({ client, params: { ...at('sdk'), Body: Readable.from(chunks(bytes)) } }).done(),
    ],
    get: [async () => drain((await store.open('store'))!.stream(0, bytes.length - 1)), () => get()],
    'get by ranges of 1 MiB': [
      async () => {
        const object = (await store.open('store'))!;
        for (let from = 0; from < bytes.length; from += RANGE) {
          await object.read(from, Math.min(RANGE, bytes.length - from));
        }
      },
      async () => {
        for (let from = 0; from < bytes.length; from += RANGE) await get(`bytes=${from}-${from + RANGE - 1}`);
      },
    ],
  } as const;
}

async function speed(work: () => Promise<unknown>, bytes: number): Promise<number> {
  const begun = performance.now();
  await work();
  return bytes / MB / ((performance.now() - begun) / 1000);
}

/** The most memory that putting an object of `size` bytes adds to this process. */
async function memoryOfPut(store: S3Store, size: number): Promise<number> {
  const chunk = randomBytes(CHUNK);
  const source = async function* () {
    for (let left = size; left > 0; left -= CHUNK) yield await Promise.resolve(chunk);
  };
  const before = process.memoryUsage.rss();
  let most = before;
  const watch = setInterval(() => (most = Math.max(most, process.memoryUsage.rss())), 20);
  await store.put('memory', source());
  clearInterval(watch);
  return most - before;
}

const cleanUp = new CleanUp();
try {
  const { server, settings } = await findS3(cleanUp);
  const prefix = `bench-${process.pid}`;
  const client = makeClient(settings);
  const store = new S3Store({ ...settings, prefix }, client);
  await store.identify('owner');
  const Bucket = settings.bucket;
  cleanUp.add(async () => {
    for (const key of ['store', 'sdk', 'memory', '.cairn-store', '.probe']) {
      await client.send(new DeleteObjectCommand({ Bucket, Key: `${prefix}/${key}` }));
    }
  });
  const results: object[] = [];
  for (const megabytes of values.megabytes.split(',').map(Number)) {
    const bytes = randomBytes(megabytes * MB);
    for (const [what, [byStore, bySdk]] of Object.entries(pairs(store, client, Bucket, prefix, bytes))) {
      const speeds: [number[], number[]] = [[], []];
      await byStore();
      await bySdk();
      for (let round = 0; round < Number(values.rounds); round++) {
        speeds[0].push(await speed(byStore, bytes.length));
        speeds[1].push(await speed(bySdk, bytes.length));
      }
      const [ofStore, ofSdk] = speeds;
      const result = {
        what,
        megabytes,
        store: median(ofStore),
        sdk: median(ofSdk),
        ratio: median(ratios(ofStore, ofSdk)),
      };
      progress(`${what}, ${megabytes} MB: ${result.store.toFixed(0)} against ${result.sdk.toFixed(0)} MB/s`);
      results.push(result);
    }
  }
  const memory = {
    megabytes: Number(values.memory),
    adds: (await memoryOfPut(store, Number(values.memory) * MB)) / MB,
  };
  if (values.json) console.log(JSON.stringify({ server, results, memory }));
  else {
    console.log(`Server: ${server}`);
    console.table(results);
    console.log(`A put of ${memory.megabytes} MB adds at most ${memory.adds.toFixed(0)} MB to the process.`);
  }
  client.destroy();
} finally {
  await cleanUp.run();
}
