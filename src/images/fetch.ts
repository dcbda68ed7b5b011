import { lookup as dnsLookup, type LookupAddress } from 'node:dns';
import { Agent as HttpAgent, get as httpGet, type IncomingMessage, type RequestOptions } from 'node:http';
import { Agent as HttpsAgent, get as httpsGet } from 'node:https';
import type { LookupFunction, Socket } from 'node:net';
import { CairnError } from '../errors.js';
import { forbidden, type UrlPolicy } from './url-policy.js';

/** How often the rate of a download is looked at. */
const RATE_WINDOW_MS = 5000;

export interface FetchLimits {
  /** For the whole download, from the first name that is resolved to the last byte. */
  readonly timeoutMs: number;
  /** Bytes per second that the body must bring in each window of five seconds. */
  readonly minRate: number;
  readonly maxRedirects: number;
}

/**
 * Fetches images by HTTP and HTTPS. A policy decides about every address that is connected to, also after redirects.
 * Messages name the origin of a URL only: its path, query and user may be secrets.
 */
export class ImageFetcher {
  // Of its own: an environment proxy, which the global agents may have, would connect on its behalf, unchecked.
  private readonly agents = { http: new HttpAgent(), https: new HttpsAgent() };

  constructor(
    private readonly policy: UrlPolicy,
    private readonly limits: FetchLimits,
  ) {}

  /**
   * Lets `use` read the body at `url`, which is closed afterwards.
   *
   * @throws CairnError `url-forbidden` for addresses that the policy refuses and other schemes, `url-rejected` for a
   *   4xx answer and too many redirects, `url-unreachable` for transient failures and a download that is too slow,
   *   else what `use` throws.
   */
  async fetch<T>(url: string, signal: AbortSignal, use: (body: IncomingMessage) => Promise<T>): Promise<T> {
    const { timeoutMs } = this.limits;
    const slow = new AbortController();
    const giveUp = (what: string) => slow.abort(new CairnError('url-unreachable', `${new URL(url).origin} ${what}.`));
    const deadline = setTimeout(() => giveUp(`did not send the image within ${timeoutMs / 1000} s`), timeoutMs);
    let watch: NodeJS.Timeout | undefined;
    let response: IncomingMessage | undefined;
    try {
      response = await this.follow(url, AbortSignal.any([signal, slow.signal]));
      watch = this.watchRate(response, giveUp);
      return await use(response);
    } catch (error) {
      if (signal.aborted) throw new CairnError('cancelled', 'The download was cancelled.', { cause: error });
      if (slow.signal.aborted) throw slow.signal.reason;
      // A store reports a source that breaks off as a failure of its own.
      if (response?.errored) throw unreachable(new URL(url), response.errored);
      throw error;
    } finally {
      clearTimeout(deadline);
      clearInterval(watch);
      response?.destroy();
    }
  }

  private async follow(url: string, signal: AbortSignal): Promise<IncomingMessage> {
    const { maxRedirects } = this.limits;
    let target = new URL(url);
    for (let redirects = 0; redirects <= maxRedirects; redirects++) {
      const response = await this.request(target, signal);
      const { statusCode = 0, headers } = response;
      if (statusCode >= 200 && statusCode < 300) return response;
      response.destroy();
      if (statusCode >= 300 && statusCode < 400 && headers.location) target = redirectTarget(headers.location, target);
      else throw refused(target, statusCode);
    }
    throw new CairnError('url-rejected', `${new URL(url).origin} redirects more than ${maxRedirects} times.`);
  }

  private async request(url: URL, signal: AbortSignal): Promise<IncomingMessage> {
    const { protocol, hostname: host } = url;
    if (protocol !== 'http:' && protocol !== 'https:') {
      throw new CairnError('url-forbidden', `Images are not fetched from ${protocol} URLs.`);
    }
    this.policy.check(host);
    const secure = protocol === 'https:';
    const options: RequestOptions = {
      headers: { accept: 'image/*', 'user-agent': 'cairn' },
      agent: secure ? this.agents.https : this.agents.http,
      lookup: this.lookup,
      signal,
    };
    return new Promise((resolve, reject) => {
      const outgoing = (secure ? httpsGet : httpGet)(url, options, resolve);
      // The last word is about the connection as it is: nothing is sent before this.
      outgoing.on('socket', (socket: Socket) => {
        socket.once('connect', () => {
          if (!this.policy.permits(host, socket.remoteAddress ?? '')) socket.destroy(forbidden(host));
        });
      });
      outgoing.on('error', (error) => reject(error instanceof CairnError ? error : unreachable(url, error)));
    });
  }

  /** Fails for names of forbidden addresses: with a check beforehand, DNS rebinding could bypass it. */
  private readonly lookup: LookupFunction = (hostname, options, callback) => {
    dnsLookup(hostname, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
      if (error) callback(error, '', 0);
      else if (!addresses.every(({ address }) => this.policy.permits(hostname, address)))
        callback(forbidden(hostname), '', 0);
      else if (options.all) callback(null, addresses);
      else callback(null, addresses[0]!.address, addresses[0]!.family);
    });
  };

  /** Gives up on a body that comes too slowly. A reader that has yet to take what came is not the server's fault. */
  private watchRate(response: IncomingMessage, giveUp: (what: string) => void): NodeJS.Timeout {
    const { minRate } = this.limits;
    const { socket } = response;
    let seen = socket.bytesRead;
    return setInterval(() => {
      const received = socket.bytesRead - seen;
      seen += received;
      const waitsForReader = response.readableLength >= response.readableHighWaterMark;
      if (waitsForReader || response.complete || received >= (minRate * RATE_WINDOW_MS) / 1000) return;
      giveUp(`sends less than ${minRate} bytes per second`);
    }, RATE_WINDOW_MS);
  }
}

function redirectTarget(location: string, from: URL): URL {
  if (URL.canParse(location, from.href)) return new URL(location, from);
  throw new CairnError('url-rejected', `${from.origin} redirects to an invalid URL.`);
}

function refused(url: URL, status: number): CairnError {
  const code = status >= 300 && status < 500 && status !== 408 && status !== 429 ? 'url-rejected' : 'url-unreachable';
  return new CairnError(code, `${url.origin} answered with status ${status}.`);
}

function unreachable(url: URL, cause: Error): CairnError {
  return new CairnError('url-unreachable', `${url.origin} cannot be reached: ${cause.message}.`, { cause });
}
