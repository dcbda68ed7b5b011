import { Agent, request, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { FuzzRequest } from './requests.js';
import type { Known } from './known.js';

/** What came back, as far as it was read. */
export interface FuzzAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** Milliseconds to the first byte. */
  readonly firstMs: number;
}

/** `left`: the client broke off, as it was to. `refused`: the connection ended without an answer. */
export interface NoAnswer {
  readonly none: 'left' | 'refused' | 'late' | 'unsendable';
  /** What was sent over the same connection before. */
  readonly before?: FuzzRequest | undefined;
}

export type Outcome = FuzzAnswer | NoAnswer;

const READ_BYTES = 1 << 20;
/** Of answers that go on as long as their client. */
const READ_MS = 250;
/** A connection that ends only now was not refused. */
const LATE_MS = 10_000;

/** Sends requests over connections that are kept, as most clients do. */
export class Sender {
  private readonly agent = new Agent({ keepAlive: true, maxSockets: 64 });
  private readonly latest = new WeakMap<Socket, FuzzRequest>();

  constructor(
    private readonly origin: string,
    private readonly known: Known,
  ) {}

  /** Sends a request and reads its answer, or the beginning of one that does not end. */
  send(drawn: FuzzRequest, patienceMs: number): Promise<Outcome> {
    const { method, leavesAt } = drawn;
    const { known, agent } = this;
    const body = drawn.body && known.fillBytes(drawn.body);
    const headers = Object.fromEntries(drawn.headers.map(([name, value]) => [name, known.fill(value)]));
    const { hostname, port } = new URL(this.origin);
    return new Promise((resolve) => {
      const begun = performance.now();
      let before: FuzzRequest | undefined;
      const timer = setTimeout(() => finish({ none: 'late', before }), patienceMs);
      const finish = (outcome: Outcome) => {
        clearTimeout(timer);
        resolve(outcome);
        // Whatever is still to come is not read; an answer that has ended leaves its connection to others.
        if ('none' in outcome) sent?.destroy();
      };
      let sent: ReturnType<typeof request> | undefined;
      try {
        const length = body ? { 'content-length': String(body.length) } : {};
        const path = known.fill(drawn.target);
        sent = request({ hostname, port, method, path, headers: { ...headers, ...length }, agent });
      } catch {
        // A name or value that the client refuses to send.
        finish({ none: 'unsendable' });
        return;
      }
      sent.once('socket', (socket) => {
        before = this.latest.get(socket);
        this.latest.set(socket, drawn);
      });
      sent.once('error', () => finish({ none: performance.now() - begun > LATE_MS ? 'late' : 'refused', before }));
      sent.once('response', (response) => read(response, performance.now() - begun, finish));
      if (leavesAt === undefined) {
        sent.end(body);
        return;
      }
      sent.write(body?.subarray(0, Math.floor(leavesAt * body.length)) ?? '');
      setTimeout(() => finish({ none: 'left' }), 5);
    });
  }
}

function read(response: IncomingMessage, firstMs: number, finish: (outcome: FuzzAnswer) => void): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  const end = () => {
    clearTimeout(timer);
    const { statusCode: status = 0, headers } = response;
    finish({ status, headers, text: Buffer.concat(chunks).toString('latin1'), firstMs });
    if (!response.complete) response.destroy();
  };
  const timer = setTimeout(end, READ_MS);
  response.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > READ_BYTES) end();
  });
  response.once('end', end).once('error', end);
}
