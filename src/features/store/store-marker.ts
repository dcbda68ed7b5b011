import { randomUUID } from 'node:crypto';
import { link, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { makeFolder, sync } from '../../files/durable.js';
import { writerName } from '../../files/unfinished-file.js';
import { storeError, storeUnavailable } from './store-errors.js';

/** A file in the root of a store that tells it from the empty folder under a missing mount, and from other stores. */
const MARKER = '.cairn-store';
const markerSchema = z.object({ id: z.uuid() });

/** The id of the store in a folder; undefined where the folder is no store, or is not there. @throws CairnError `store-unavailable`. */
export async function readMarker(root: string): Promise<string | undefined> {
  let text: string;
  try {
    text = await readFile(join(root, MARKER), 'utf8');
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw storeError(error);
  }
  try {
    return markerSchema.parse(JSON.parse(text)).id;
  } catch (error) {
    throw storeUnavailable(`its marker ${MARKER} is damaged`, error);
  }
}

/** Makes a folder a store where it is none; returns its id. @throws CairnError `store-full` or `store-unavailable`. */
export async function writeMarker(root: string): Promise<string> {
  const known = await readMarker(root);
  if (known !== undefined) return known;
  const unfinished = join(root, `${MARKER}.${writerName()}`);
  try {
    await makeFolder(root);
    await writeFile(unfinished, JSON.stringify({ id: randomUUID() }));
    await sync(unfinished);
    // Of several that start at once, the first one names the store.
    await link(unfinished, join(root, MARKER)).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    });
    await sync(root);
  } catch (error) {
    throw storeError(error);
  } finally {
    await rm(unfinished, { force: true }).catch(() => undefined);
  }
  return (await readMarker(root))!;
}
