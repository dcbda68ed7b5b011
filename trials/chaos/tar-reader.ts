import { get, type IncomingMessage } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { extract } from 'tar-stream';
import { buffer } from 'node:stream/consumers';

const AGAIN_MS = 500;

/** One set as the tar of a batch has it. */
export interface TarSet {
  readonly name: string;
  /** The levels, or the code of the error that the tar has in their place. */
  readonly content: Buffer | string;
}

interface Head {
  readonly cursor: string;
  readonly name: string;
  readonly error?: { readonly code: string };
}

/**
 * Reads the tar of a batch to its end, and where it is cut off goes on after the last set that came whole, as its
 * documentation says. `take` gets every set; a promise of it is waited for.
 */
export async function readTar(
  origin: string,
  batch: string,
  take: (set: TarSet) => void,
  signal: AbortSignal,
): Promise<{ cuts: number }> {
  let cursor = '';
  for (let cuts = 0; !signal.aborted; cuts++) {
    const after = cursor === '' ? '' : `?after=${encodeURIComponent(cursor)}`;
    const response = await open(`${origin}/v1/batches/${batch}/features${after}`, signal);
    if (response) {
      const whole = await readSets(response, (head, content) => {
        cursor = head.cursor;
        take({ name: head.name, content });
      });
      if (whole) return { cuts };
    }
    await delay(AGAIN_MS, undefined, { signal }).catch(() => undefined);
  }
  return { cuts: Infinity };
}

/** Undefined where there is no answer, or none with a tar. */
function open(url: string, signal: AbortSignal): Promise<IncomingMessage | undefined> {
  return new Promise((resolve) => {
    const request = get(url, { agent: false, signal }, (response) => {
      const isTar = response.statusCode === 200;
      if (!isTar) response.resume();
      resolve(isTar ? response : undefined);
    });
    request.on('error', () => resolve(undefined));
  });
}

/** Whether the response came to its end. */
async function readSets(response: IncomingMessage, take: (head: Head, content: Buffer | string) => void) {
  const members = extract();
  let head: Head | undefined;
  members.on('entry', (header, stream, next) => {
    buffer(stream).then(
      (bytes) => {
        if (header.name.endsWith('.json')) {
          head = JSON.parse(bytes.toString()) as Head;
          if (head.error) take(head, head.error.code);
        } else take(head!, bytes);
        next();
      },
      () => undefined,
    );
  });
  try {
    await pipeline(response, members);
    return response.complete;
  } catch {
    return false;
  }
}
