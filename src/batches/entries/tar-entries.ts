import { Readable } from 'node:stream';
import { extract } from 'tar-stream';
import type { ImageIntake } from '../../images/intake.js';
import { unreadableBody } from './body-kind.js';
import { refuse, type Entry } from './entry.js';
import { imageEntry, isHidden } from './image-entry.js';

/**
 * The images of a tar, read while it is received: one at a time, with no more than a few blocks in memory.
 *
 * @throws CairnError `request-malformed` when the body is not a complete tar.
 */
export async function* tarEntries(chunks: AsyncIterable<Uint8Array>, intake: ImageIntake): AsyncGenerator<Entry> {
  const source = Readable.from(chunks);
  const members = extract();
  source.on('error', (error) => members.destroy(error));
  source.pipe(members);
  let line = 0;
  try {
    for await (const member of members) {
      const { name, type } = member.header;
      if (type === 'directory' || isHidden(name)) {
        member.resume();
        continue;
      }
      line++;
      if (type === 'file' || type === 'contiguous-file') {
        yield await imageEntry({ line, name, options: {} }, Readable.from(member), intake);
      } else {
        member.resume();
        // The parser's types do not say so, but the kind of an unknown member is null.
        const kind = (type as string | null) ?? 'special member';
        yield refuse({ line, name }, 'image-unsupported', `Member ${line} is a ${kind}, not a file.`);
      }
    }
  } catch (thrown) {
    throw unreadableBody('tar', thrown);
  } finally {
    source.destroy();
    members.destroy();
  }
}
