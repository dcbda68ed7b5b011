import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ArchiveReader } from '../../features/archive-reader.js';
import { streamLevels } from '../../features/stream-levels.js';
import type { LevelChoice } from '../../features/level-query.js';
import { prefersZstd, sendHead } from '../http/send-range.js';

/**
 * Answers with levels of an archive as a safetensors stream, as frames of zstd where the client prefers that. Closes the
 * archive with the answer, or at once when it throws.
 *
 * @throws CairnError of the archive.
 */
export async function sendLevels(
  archive: ArchiveReader,
  choose: (archive: ArchiveReader) => LevelChoice,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  try {
    const { levels, window } = choose(archive);
    const compressed = prefersZstd(request.headers['accept-encoding']);
    const { length, stream } = await streamLevels(archive, levels, { window, compressed });
    void reply.headers({
      'content-type': 'application/octet-stream',
      vary: 'accept-encoding',
      ...(length !== undefined && { 'content-length': length }),
      ...(compressed && { 'content-encoding': 'zstd' }),
    });
    if (request.method === 'HEAD') {
      stream.destroy();
      sendHead(reply);
      return;
    }
    await reply.send(stream);
  } catch (error) {
    await archive.close();
    throw error;
  }
}
