/** Reads of up to this size fetch more than they need: a request costs as much as some hundred kilobytes. */
const SMALL_BYTES = 64 << 10;
const FIRST_BYTES = 128 << 10;
/** Reads that go on where the last ones ended fetch twice as much each time, up to this. */
const MOST_BYTES = 1 << 20;
const MAX_WINDOWS = 4;

export type Fetch = (start: number, length: number) => Promise<Buffer<ArrayBuffer>>;

interface Window {
  readonly start: number;
  readonly end: number;
  readonly bytes: Promise<Buffer>;
}

/**
 * Reads an object of `size` bytes by few requests, although its formats are read in small pieces: headers, then what follows
 * them. At most `MAX_WINDOWS` × `MOST_BYTES` are kept. Ranges must lie within the object.
 */
export function readAhead(fetch: Fetch, size: number): Fetch {
  const windows: Window[] = [];

  function open(start: number, length: number): Window {
    const before = windows.find(({ end }) => end === start);
    const wanted = before ? Math.min(MOST_BYTES, 2 * (before.end - before.start)) : FIRST_BYTES;
    const end = Math.min(size, start + Math.max(length, wanted));
    const window = { start, end, bytes: fetch(start, end - start) };
    windows.unshift(window);
    windows.length = Math.min(windows.length, MAX_WINDOWS);
    window.bytes.catch(() => {
      const at = windows.indexOf(window);
      if (at !== -1) windows.splice(at, 1);
    });
    return window;
  }

  return async (start, length) => {
    const known = windows.find((window) => window.start <= start && start < window.end);
    if (!known && length > SMALL_BYTES) return fetch(start, length);
    const window = known ?? open(start, length);
    const end = start + length;
    const bytes = Buffer.allocUnsafeSlow(length);
    const ofWindow = async () => {
      const held = await window.bytes;
      held.copy(bytes, 0, start - window.start, Math.min(end, window.end) - window.start);
    };
    const beyond = async () => {
      if (end <= window.end) return;
      const rest = end - window.end;
      if (rest > SMALL_BYTES) (await fetch(window.end, rest)).copy(bytes, window.end - start);
      else {
        const next = windows.find((other) => other.start === window.end) ?? open(window.end, rest);
        (await next.bytes).copy(bytes, window.end - start, 0, rest);
      }
    };
    await Promise.all([ofWindow(), beyond()]);
    return bytes;
  };
}
