import { RequestError, connectionError, problemOf } from './request-error.js';
import { RetryPolicy, joined, type RetryOptions } from './retry-policy.js';

/** A body as `fetch` takes it. */
export type RequestBody = NonNullable<RequestInit['body']>;

/** Values of a query; a list is written with commas, and what is undefined is left out. */
export type Query = Readonly<Record<string, unknown>>;

/** How a client reaches its server. */
export interface ConnectionOptions {
  /** Sent as `Authorization: Bearer …`. */
  readonly apiKey?: string;
  /** Sent with every request. */
  readonly headers?: Readonly<Record<string, string>>;
  /** How requests that failed and may succeed later are repeated. */
  readonly retry?: RetryOptions;
  /** Aborts every request of the client. */
  readonly signal?: AbortSignal;
  /** In place of the global `fetch`. */
  readonly fetch?: typeof globalThis.fetch;
}

/** Ends one call: what it waits for is given up, and it throws the signal's reason. */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

/** A request below the URL of the server. */
export interface Call extends CallOptions {
  readonly method?: string;
  readonly query?: Query;
  readonly headers?: Readonly<Record<string, string>>;
  /** Makes the body of one attempt; `json` in its place is sent as JSON. */
  readonly body?: (() => RequestBody) | undefined;
  readonly json?: unknown;
  /** False for a body that can be sent once only. True by default. */
  readonly repeatable?: boolean;
  /** Whether a fault of the server (500) may be repeated, beside refusals that pass. True by default. */
  readonly repeatFaults?: boolean;
}

/** Sends requests to one server. */
export class Connection {
  /** Shared by all requests. */
  readonly policy: RetryPolicy;
  private readonly base: string;
  private readonly fetch: typeof globalThis.fetch;

  /** @param server URL of a server, or of a proxy that has one below a path. */
  constructor(
    server: string | URL,
    private readonly options: ConnectionOptions = {},
  ) {
    this.base = String(server).replace(/\/+$/, '');
    this.policy = new RetryPolicy(options.retry, options.signal);
    // Browsers refuse a `fetch` that is called as a method of something else.
    this.fetch = options.fetch ?? ((input, init) => globalThis.fetch(input, init));
  }

  /** The URL of a path and a query. */
  url(path: string, query: Query = {}): string {
    const parameters = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) if (value !== undefined) parameters.set(name, textOf(value));
    const text = parameters.toString();
    return `${this.base}${path}${text && `?${text}`}`;
  }

  /** Headers that every request has. */
  get headers(): Record<string, string> {
    const { apiKey, headers } = this.options;
    return { ...(apiKey !== undefined && { authorization: `Bearer ${apiKey}` }), ...headers };
  }

  /** Both the client's signal and that of a call. */
  signal({ signal }: CallOptions): AbortSignal | undefined {
    return joined(this.options.signal, signal);
  }

  /** A successful response, after repetitions if need be. @throws RequestError, or the reason of an aborted signal. */
  request(path: string, call: Call = {}): Promise<Response> {
    if (call.repeatable === false) return this.once(path, call);
    return this.policy.retry(() => this.once(path, call), call.signal);
  }

  /** As `request`, without repetitions. */
  async once(path: string, call: Call = {}): Promise<Response> {
    const response = await this.ask(path, call);
    if (response.ok) return response;
    const error = await problemOf(response);
    const { code, message, status, serverCode } = error;
    if (call.repeatFaults !== false || status !== 500 || !error.transient) throw error;
    throw new RequestError(code, message, { status, serverCode, transient: false }, { cause: error });
  }

  /** The JSON of a successful response, and its status. */
  async json<T>(path: string, call: Call = {}): Promise<T> {
    const read = async () => parseJson(await this.text(await this.once(path, call), call), path) as T;
    return call.repeatable === false ? read() : this.policy.retry(read, call.signal);
  }

  /** Whether the resource is there, by HEAD. */
  isThere(path: string, call: CallOptions = {}): Promise<boolean> {
    return this.policy.retry(async () => {
      const response = await this.ask(path, { ...call, method: 'HEAD' });
      if (response.ok) return true;
      if (response.status === 404) return false;
      throw await problemOf(response);
    }, call.signal);
  }

  /** The body of a response, as it arrives. Fails as `request` does; what came before is kept. */
  async *bytes(response: Response, call: CallOptions = {}): AsyncGenerator<Uint8Array, void, undefined> {
    const reader = response.body?.getReader() as ReadableStreamDefaultReader<Uint8Array> | undefined;
    if (!reader) return;
    try {
      for (;;) {
        const { done, value } = await reader.read().catch((error: unknown) => {
          this.signal(call)?.throwIfAborted();
          throw connectionError(error, response.url);
        });
        if (done) return;
        yield value;
      }
    } finally {
      // Also closes the connection of a body that is not read to its end.
      await reader.cancel().catch(() => undefined);
    }
  }

  private async text(response: Response, call: CallOptions): Promise<string> {
    const decoder = new TextDecoder();
    let text = '';
    for await (const chunk of this.bytes(response, call)) text += decoder.decode(chunk, { stream: true });
    return text + decoder.decode();
  }

  private async ask(path: string, { query, headers, body, json, method, ...call }: Call): Promise<Response> {
    const url = this.url(path, query);
    const signal = this.signal(call);
    const sent = json === undefined ? body?.() : JSON.stringify(json);
    const init = {
      method: method ?? (sent === undefined ? 'GET' : 'POST'),
      headers: { ...this.headers, ...(json !== undefined && { 'content-type': 'application/json' }), ...headers },
      ...(sent !== undefined && { body: sent }),
      ...(signal && { signal }),
      // A stream is sent while the response may already begin; `fetch` requires to be told.
      ...(sent instanceof ReadableStream && { duplex: 'half' as const }),
    };
    try {
      return await this.fetch(url, init);
    } catch (error) {
      signal?.throwIfAborted();
      throw connectionError(error, url);
    }
  }
}

/** @throws RequestError `server-failed` where the text is not JSON. */
export function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const facts = { transient: false };
    throw new RequestError('server-failed', `The server describes ${what} in another form than JSON.`, facts, {
      cause,
    });
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' || Array.isArray(value) ? value.toString() : JSON.stringify(value);
}
