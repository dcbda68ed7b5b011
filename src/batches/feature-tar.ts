import { once } from 'node:events';
import { Readable } from 'node:stream';
import { pack, type Pack } from 'tar-stream';
import { asCairnError } from '../errors.js';
import type { BandBudget } from '../features/band-budget.js';
import { streamLevels } from '../features/stream-levels.js';
import type { BatchResult } from './ledger.js';
import type { FeatureLibrary } from '../features/library.js';
import { selectLevels, type LevelQuery } from '../features/level-query.js';
import { resultView } from './view.js';

/**
 * Feature sets as a tar that grows as they complete, in the convention of WebDataset: for each set `<line>.json`,
 * then `<line>.safetensors`, as `/v1/features/{id}.safetensors` sends it. One archive is open at a time, and is read at
 * the pace of the client; each waits for a share of `streams`. `stop` is aborted when the tar has ended or the client has gone away.
 */
export function featureTar(
  results: AsyncIterable<readonly BatchResult[]>,
  library: FeatureLibrary,
  choice: LevelQuery,
  stop: AbortController,
  streams: BandBudget,
): Readable {
  const tar = pack();
  // A mark of 1 lets a single chunk wait here; the tar itself holds a few more.
  const body = Readable.from(tar, { highWaterMark: 1, objectMode: false });
  body.once('close', () => {
    stop.abort();
    tar.destroy();
  });
  const sets = { library, choice, streams, signal: stop.signal };
  const write = async () => {
    for await (const { header, chunks } of members(results, sets)) await add(tar, header, chunks);
  };
  write().then(
    () => tar.finalize(),
    // Without the two blocks that end a tar, so that the client sees that it is incomplete.
    (error: unknown) => tar.destroy(asCairnError(error)),
  );
  return body;
}

interface Member {
  readonly header: { readonly name: string; readonly size: number; readonly mtime: Date };
  readonly chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

/** Where sets come from, and what of them. */
interface Sets {
  readonly library: FeatureLibrary;
  readonly choice: LevelQuery;
  readonly streams: BandBudget;
  readonly signal: AbortSignal;
}

async function* members(results: AsyncIterable<readonly BatchResult[]>, sets: Sets): AsyncGenerator<Member> {
  for await (const page of results) {
    for (const result of page) {
      const { featuresId, state } = result;
      if (state !== 'completed' || featuresId === undefined) continue;
      const { cursor, line, name, features } = resultView(result);
      const base = String(line).padStart(8, '0');
      const json = (more: object, mtime: Date): Member => {
        const bytes = Buffer.from(JSON.stringify({ cursor, line, name, features, ...more }));
        return { header: { name: `${base}.json`, size: bytes.byteLength, mtime }, chunks: [bytes] };
      };
      const opened = await open(featuresId, sets);
      if ('error' in opened) {
        // It was deleted, is damaged or lacks a level: the JSON carries the error, and the other sets follow.
        yield json(opened, new Date());
        continue;
      }
      const { description, stream, length } = opened;
      const mtime = new Date(description.createdAt);
      try {
        yield json({ description }, mtime);
        yield { header: { name: `${base}.safetensors`, size: length, mtime }, chunks: stream };
      } finally {
        stream.destroy();
      }
    }
  }
}

async function open(featuresId: string, { library, choice, streams, signal }: Sets) {
  try {
    const archive = await library.archive(featuresId);
    try {
      const { levels, ...options } = selectLevels(archive, choice);
      // A damaged set is told in the JSON: once its member has begun, only the end of the tar could tell.
      await archive.check(levels, options.window);
      const share = await streams.wait(signal);
      const { stream, length } = await streamLevels(archive, levels, { ...options, share }).catch((error: unknown) => {
        share.leave();
        throw error;
      });
      return { description: archive.description, stream, length: length! };
    } catch (error) {
      await archive.close();
      throw error;
    }
  } catch (thrown) {
    const { code, message, transient } = asCairnError(thrown);
    if (transient || code === 'cancelled') throw thrown;
    return { error: { code, message } };
  }
}

async function add(tar: Pack, header: Member['header'], chunks: Member['chunks']): Promise<void> {
  const closed = new AbortController();
  await new Promise<void>((resolve, reject) => {
    // Called when the member is whole, or when the tar is destroyed meanwhile.
    const member = tar.entry({ ...header }, (error) => {
      closed.abort();
      if (error) reject(error);
      else resolve();
    });
    // A member that is destroyed emits its error too, which would end the process.
    member.on('error', () => undefined);
    const send = async () => {
      for await (const chunk of chunks) {
        if (!member.write(chunk)) await once(member, 'drain', { signal: closed.signal });
        if (closed.signal.aborted) return;
      }
      member.end(undefined);
    };
    send().catch((error: unknown) => {
      if (!closed.signal.aborted) member.destroy(error as Error);
    });
  });
}
