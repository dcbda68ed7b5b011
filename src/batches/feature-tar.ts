import { once } from 'node:events';
import { Readable } from 'node:stream';
import { pack, type Pack } from 'tar-stream';
import { asCairnError } from '../errors.js';
import { streamLevels } from '../features/stream-levels.js';
import type { BatchResult } from './ledger.js';
import type { FeatureLibrary } from '../features/library.js';
import { selectLevels, type LevelQuery } from '../features/level-query.js';
import { resultView } from './view.js';

/**
 * Feature sets as a tar that grows as they complete, in the convention of WebDataset: for each set `<line>.json`,
 * then `<line>.safetensors`, as `/v1/features/{id}.safetensors` sends it. One archive is open at a time, and is read at
 * the pace of the client. `stop` is aborted when the tar has ended or the client has gone away.
 */
export function featureTar(
  results: AsyncIterable<readonly BatchResult[]>,
  library: FeatureLibrary,
  choice: LevelQuery,
  stop: AbortController,
): Readable {
  const tar = pack();
  // A mark of 1 lets a single chunk wait here; the tar itself holds a few more.
  const body = Readable.from(tar, { highWaterMark: 1, objectMode: false });
  body.once('close', () => {
    stop.abort();
    tar.destroy();
  });
  write(tar, results, library, choice).then(
    () => tar.finalize(),
    // Without the two blocks that end a tar: the reader sees that it is not whole.
    (error: unknown) => tar.destroy(asCairnError(error)),
  );
  return body;
}

async function write(
  tar: Pack,
  results: AsyncIterable<readonly BatchResult[]>,
  library: FeatureLibrary,
  choice: LevelQuery,
): Promise<void> {
  for await (const page of results) {
    for (const result of page) {
      if (result.state === 'completed' && result.featuresId !== undefined) {
        await writeSet(tar, result, result.featuresId, library, choice);
      }
    }
  }
}

async function writeSet(
  tar: Pack,
  result: BatchResult,
  featuresId: string,
  library: FeatureLibrary,
  choice: LevelQuery,
): Promise<void> {
  const { cursor, line, name, features } = resultView(result);
  const base = String(line).padStart(8, '0');
  const head = (more: object) => JSON.stringify({ cursor, line, name, features, ...more });
  const opened = await open(featuresId, library, choice);
  if ('error' in opened) {
    // Somebody has deleted it, or it does not hold a level: said in its place, and the others go on.
    await addText(tar, `${base}.json`, head(opened));
    return;
  }
  const { description, stream, length } = opened;
  const mtime = new Date(description.createdAt);
  try {
    await addText(tar, `${base}.json`, head({ description }), mtime);
    await addBytes(tar, { name: `${base}.safetensors`, size: length, mtime }, stream);
  } finally {
    stream.destroy();
  }
}

async function open(featuresId: string, library: FeatureLibrary, choice: LevelQuery) {
  try {
    const archive = await library.archive(featuresId);
    try {
      const { levels, window } = selectLevels(archive, choice);
      const { stream, length } = await streamLevels(archive, levels, { window });
      return { description: archive.description, stream, length: length! };
    } catch (error) {
      await archive.close();
      throw error;
    }
  } catch (thrown) {
    const { code, message, transient } = asCairnError(thrown);
    if (transient) throw thrown;
    return { error: { code, message } };
  }
}

function addText(tar: Pack, name: string, text: string, mtime = new Date()): Promise<void> {
  const bytes = Buffer.from(text);
  return addBytes(tar, { name, size: bytes.byteLength, mtime }, [bytes]);
}

interface Header {
  readonly name: string;
  readonly size: number;
  readonly mtime: Date;
}

async function addBytes(
  tar: Pack,
  header: Header,
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<void> {
  const closed = new AbortController();
  await new Promise<void>((resolve, reject) => {
    // Called when the member is whole, or when the tar is destroyed meanwhile.
    const member = tar.entry({ ...header }, (error) => {
      closed.abort();
      if (error) reject(error);
      else resolve();
    });
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
