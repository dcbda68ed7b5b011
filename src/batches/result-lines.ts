import { Heartbeat } from '../redis/heartbeat.js';
import type { BatchResult } from './ledger.js';
import { resultView } from './view.js';

/** Results as NDJSON, one line each, with empty lines as heartbeats while there are none. */
export async function* resultLines(
  pages: AsyncIterable<readonly BatchResult[]>,
  state: BatchResult['state'] | undefined,
  limit = Infinity,
): AsyncGenerator<string> {
  let sent = 0;
  const heartbeat = new Heartbeat();
  for await (const page of pages) {
    const wanted = page.filter((result) => state === undefined || result.state === state).slice(0, limit - sent);
    sent += wanted.length;
    const silent = wanted.length === 0;
    if (silent && heartbeat.dueInMs > 0) continue;
    yield silent ? '\n' : wanted.map((result) => `${JSON.stringify(resultView(result))}\n`).join('');
    heartbeat.sent();
    if (sent >= limit) return;
  }
}
