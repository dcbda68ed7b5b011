import type { BatchResult } from './ledger.js';
import { resultView } from './view.js';

/** Proxies close connections that are silent for a minute. */
const HEARTBEAT_MS = 15_000;

/** Results as NDJSON, a line each; an empty line now and then while there are none. */
export async function* resultLines(
  pages: AsyncIterable<readonly BatchResult[]>,
  state: BatchResult['state'] | undefined,
  limit = Infinity,
): AsyncGenerator<string> {
  let sent = 0;
  let spoken = Date.now();
  for await (const page of pages) {
    const wanted = page.filter((result) => state === undefined || result.state === state).slice(0, limit - sent);
    sent += wanted.length;
    const silent = wanted.length === 0;
    if (silent && Date.now() - spoken < HEARTBEAT_MS) continue;
    yield silent ? '\n' : wanted.map((result) => `${JSON.stringify(resultView(result))}\n`).join('');
    spoken = Date.now();
    if (sent >= limit) return;
  }
}
