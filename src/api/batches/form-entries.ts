import type { FastifyRequest } from 'fastify';
import { CairnError } from '../../errors.js';
import type { ImageIntake } from '../../images/intake.js';
import type { GivenOptions } from '../../jobs/options.js';
import { partsOf } from '../http/read-submission.js';
import type { Entry } from '../../batches/entries/entry.js';
import { imageEntry } from '../../batches/entries/image-entry.js';

/** The parser remembers every part of a form until its end; a tar or a manifest may have more images. */
const MAX_FILES = 10_000;

/**
 * The files of a form, each an image. Calls `useOptions` with the fields before the first file, so that wrong options are
 * refused before an image is stored.
 *
 * @throws CairnError `request-malformed` when the form cannot be read, or has a field after a file.
 */
export async function* formEntries(
  request: FastifyRequest,
  intake: ImageIntake,
  useOptions: (fields: GivenOptions) => void,
): AsyncGenerator<Entry> {
  const options: Record<string, unknown> = {};
  let line = 0;
  for await (const part of partsOf(request, { files: MAX_FILES, parts: MAX_FILES + 100 })) {
    if (part.type === 'file') {
      if (line === 0) useOptions(options);
      yield await imageEntry({ line: ++line, name: part.filename, options }, part.file, intake);
    } else if (line > 0) {
      throw new CairnError('request-malformed', 'The options of a form must come before its files.');
    } else {
      options[part.fieldname] = part.value;
    }
  }
}
