/**
 * How the API serves a pyramid that the store has: first byte, throughput, the event loop meanwhile, a slow client,
 * clients that leave. The API and its client are two processes.
 *
 *     npm run bench -- serving [--rounds 10] [--slow-seconds 90] [--leaving 200] [--json]
 *
 * The pyramid is P2–P6 of a photo at 1024 × 1024 in float32, 85 MiB. Throughput is decoded bytes, beside that of the
 * archive sent as a file in the same rounds.
 */
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { progress } from './progress.js';
import { median, quantile } from './statistics.js';
import { ServedPyramid, type Received } from './serving.js';

const { values: flags } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '10' },
    'slow-seconds': { type: 'string', default: '90' },
    leaving: { type: 'string', default: '200' },
    json: { type: 'boolean', default: false },
  },
});
interface Result {
  readonly node: string;
  readonly decodedMiB: number;
  readonly firstByteMs: { readonly median: number; readonly p90: number; readonly max: number };
  readonly megabytesPerSecond: Readonly<Record<'safetensors' | 'asZstd' | 'archiveFile', number>>;
  readonly eventLoopDelayMs: { readonly p99: number };
  readonly slowClient: Awaited<ReturnType<ServedPyramid['slowClient']>>;
  readonly leavingClients: Awaited<ReturnType<ServedPyramid['leavingClients']>>;
}

const rounds = Number(flags.rounds);
const SLOW_BYTES_PER_SECOND = 1e6;
const WAVES = 4;

const photo = await readFile(new URL('../../test/fixtures/images/astronaut.jpg', import.meta.url));
progress('making the pyramid');
const pyramid = await ServedPyramid.make(photo);
try {
  const received: Record<'extract' | 'stream' | 'zstd' | 'file', Received[]> = {
    extract: [],
    stream: [],
    zstd: [],
    file: [],
  };
  // Nothing is cold any more when it counts.
  progress('warming up');
  await round();
  await pyramid.loopDelayMs();
  for (const list of Object.values(received)) list.length = 0;
  for (let done = 0; done < rounds; done++) {
    progress(`round ${done + 1} of ${rounds}`);
    await round();
  }
  const loop = await pyramid.loopDelayMs();
  progress(`a slow client: ${flags['slow-seconds']} s`);
  const slow = await pyramid.slowClient(SLOW_BYTES_PER_SECOND, Number(flags['slow-seconds']));
  progress(`clients that leave: ${WAVES} times ${flags.leaving}`);
  const leaving = await pyramid.leavingClients(Number(flags.leaving), WAVES);
  const first = received.extract.map(({ firstByteMs }) => firstByteMs);
  const result: Result = {
    node: process.version,
    decodedMiB: pyramid.decodedBytes / 2 ** 20,
    firstByteMs: { median: median(first), p90: quantile(first, 0.9), max: Math.max(...first) },
    megabytesPerSecond: {
      safetensors: speed(received.stream),
      asZstd: speed(received.zstd),
      archiveFile: median(received.file.map(({ bytes, wallMs }) => bytes / 1e3 / wallMs)),
    },
    eventLoopDelayMs: loop,
    slowClient: slow,
    leavingClients: leaving,
  };
  if (flags.json) console.log(JSON.stringify(result));
  else print(result);

  async function round() {
    received.extract.push(await pyramid.extract());
    received.stream.push(await pyramid.get('safetensors'));
    received.zstd.push(await pyramid.get('safetensors', { 'accept-encoding': 'zstd' }));
    received.file.push(await pyramid.get('zarr.zip'));
  }
} finally {
  await pyramid.close();
}

/** Megabytes of decoded features in a second. */
function speed(received: readonly Received[]): number {
  return median(received.map(({ wallMs }) => pyramid.decodedBytes / 1e3 / wallMs));
}

function print(result: Result): void {
  const { firstByteMs, megabytesPerSecond: rates, eventLoopDelayMs, slowClient, leavingClients: left } = result;
  const fixed = (value: number) => value.toFixed(1);
  console.log(`P2–P6 in float32, ${fixed(result.decodedMiB)} MiB, ${rounds} rounds, Node ${result.node}`);
  console.log(
    `first byte of /v1/extract, cached: ${fixed(firstByteMs.median)} ms, p90 ${fixed(firstByteMs.p90)} (most ${fixed(firstByteMs.max)})`,
  );
  console.log(`decoded: ${fixed(rates.safetensors)} MB/s as it is, ${fixed(rates.asZstd)} MB/s as zstd`);
  console.log(`the archive as a file: ${fixed(rates.archiveFile)} MB/s`);
  console.log(`event loop meanwhile: p99 ${fixed(eventLoopDelayMs.p99)} ms`);
  console.log(`a client at 1 MB/s, after ${fixed(slowClient.megabytes)} MB: RSS +${fixed(slowClient.rssGrowthMb)} MB`);
  const row = (pick: 'handles' | 'rssMb') => left.states.map((state) => Math.round(state[pick])).join(' → ');
  console.log(`${flags.leaving} clients that left, ${WAVES} times: handles ${row('handles')}; RSS ${row('rssMb')} MB`);
}
