import type { FastifyReply, FastifyRequest } from 'fastify';
import { Readable } from 'node:stream';
import parseRange from 'range-parser';
import { CairnError } from '../../errors.js';
import type { ArchiveReader, CheckedObject } from '../../features/archive-reader.js';
import type { BandShare } from '../../features/band-budget.js';
import type { LevelChoice } from '../../features/level-query.js';
import { streamLevels } from '../../features/stream-levels.js';

/** Archives and their entries never change under their id. What a key was needed for, no shared cache may keep. */
export function immutable({ caller }: Pick<FastifyRequest, 'caller'>): string {
  return `${caller ? 'private' : 'public'}, max-age=31536000, immutable`;
}

/**
 * Answers with a stored object or the requested byte range (RFC 9110: one range, `If-Range`,
 * `If-None-Match`), and closes it with the answer.
 *
 * @throws CairnError `range-not-satisfiable`; `features-corrupt` before a damaged byte is sent.
 */
export async function sendObject(object: CheckedObject, reply: FastifyReply, type: string): Promise<void> {
  const { size, modified } = object;
  const etag = `"${size.toString(36)}-${modified.getTime().toString(36)}"`;
  void reply.headers({
    'accept-ranges': 'bytes',
    'cache-control': immutable(reply.request),
    'content-type': type,
    etag,
    'last-modified': modified.toUTCString(),
  });
  const { range, 'if-range': ifRange, 'if-none-match': ifNoneMatch } = reply.request.headers;
  if (matches(ifNoneMatch, etag)) {
    await object.close();
    return reply.status(304).send();
  }
  const asked =
    range !== undefined && (ifRange === undefined || ifRange === etag) ? parseRange(size, range) : undefined;
  if (asked === -1) {
    await object.close();
    void reply.header('content-range', `bytes */${size}`);
    throw new CairnError('range-not-satisfiable', `There are ${size} bytes; ${range} lies outside.`);
  }
  // Several ranges, and units other than bytes, get the whole object, as the standard allows.
  const one = Array.isArray(asked) && asked.type === 'bytes' && asked.length === 1 ? asked[0] : undefined;
  const { start, end } = one ?? { start: 0, end: size - 1 };
  if (reply.request.method !== 'HEAD') {
    await object.check(start, end).catch(async (error: unknown) => {
      await object.close();
      throw error;
    });
  }
  if (one) void reply.status(206).header('content-range', `bytes ${start}-${end}/${size}`);
  void reply.header('content-length', end - start + 1);
  if (reply.request.method === 'HEAD') {
    await object.close();
    sendHead(reply);
    return;
  }
  return reply.send(object.stream(start, end));
}

/** Sends headers without a body. Fastify keeps `Content-Length` only for bodies that are streams. */
export function sendHead(reply: FastifyReply): void {
  void reply.send(Readable.from([]));
}

function matches(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  return header === '*' || header.split(',').some((tag) => tag.trim().replace(/^W\//, '') === etag);
}

/**
 * Whether a client prefers zstd to every other content coding (RFC 9110, 12.5.3). The answer consists of many
 * frames, and some decoders (Node's zlib is one) stop after the first. Browsers and `fetch` list zstd among others
 * without being asked to, so listing it is not enough.
 */
export function prefersZstd(header: string | string[] | undefined): boolean {
  const codings = String(header ?? '')
    .split(',')
    .map((coding) => coding.split(';').map((part) => part.trim().toLowerCase()))
    .map(([name, weight = 'q=1']) => ({ name, weight: Number(weight.replace(/^q\s*=\s*/, '')) }));
  const zstd = codings.find(({ name }) => name === 'zstd')?.weight ?? 0;
  const others = codings.filter(({ name }) => name !== 'zstd' && name !== 'identity');
  return zstd > 0 && others.every(({ weight }) => weight < zstd);
}

/**
 * Answers with levels of an archive as a safetensors stream, as frames of zstd where the client prefers that. Closes the
 * archive and leaves the share that `enter` gives with the answer, or at once when it throws. `check` reads what is sent
 * before the answer begins; else a damaged band cuts it off.
 *
 * @throws CairnError of the archive, or of `enter`.
 */
export async function sendLevels(
  archive: ArchiveReader,
  choose: (archive: ArchiveReader) => LevelChoice,
  reply: FastifyReply,
  enter: () => BandShare | Promise<BandShare>,
  { check = false }: { readonly check?: boolean } = {},
): Promise<void> {
  let share: BandShare | undefined;
  try {
    share = await enter();
    const { levels, ...choice } = choose(archive);
    if (check && reply.request.method !== 'HEAD') await archive.check(levels, choice.window, { keep: true });
    const compressed = prefersZstd(reply.request.headers['accept-encoding']);
    const { length, stream } = await streamLevels(archive, levels, { ...choice, compressed, share });
    void reply.headers({
      'content-type': 'application/octet-stream',
      vary: [reply.getHeader('vary'), 'accept-encoding'].filter(Boolean).join(', '),
      ...(length !== undefined && { 'content-length': length }),
      ...(compressed && { 'content-encoding': 'zstd' }),
    });
    if (reply.request.method === 'HEAD') {
      stream.destroy();
      sendHead(reply);
      return;
    }
    await reply.send(stream);
  } catch (error) {
    share?.leave();
    await archive.close();
    throw error;
  }
}
