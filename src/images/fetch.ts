import { lookup as dnsLookup, type LookupAddress } from 'node:dns';
import { get as httpGet, type IncomingMessage, type RequestOptions } from 'node:http';
import { get as httpsGet } from 'node:https';
import { BlockList, isIP, type LookupFunction } from 'node:net';
import { CairnError } from '../errors.js';

const MAX_REDIRECTS = 5;
const TIMEOUT_MS = 30_000;

export interface FetchOptions {
  /** Whether addresses of this machine and of private networks may be fetched from. */
  readonly allowPrivate: boolean;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Fetches an image by HTTP or HTTPS, following redirects. The address is checked after the name is
 * resolved and for every redirect, on the very lookup that the connection uses.
 *
 * @throws CairnError `url-forbidden` for private addresses and other schemes, `url-rejected` for a
 *   4xx answer, `url-unreachable` for transient failures.
 */
export async function fetchImage(url: string, options: FetchOptions): Promise<IncomingMessage> {
  let target = new URL(url);
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
    const response = await request(target, options);
    const { statusCode = 0, headers } = response;
    if (statusCode >= 200 && statusCode < 300) return response;
    response.destroy();
    if (statusCode >= 300 && statusCode < 400 && headers.location) target = redirectTarget(headers.location, target);
    else throw refused(target, statusCode);
  }
  throw new CairnError('url-rejected', `${url} redirects more than ${MAX_REDIRECTS} times.`);
}

function redirectTarget(location: string, from: URL): URL {
  if (URL.canParse(location, from.href)) return new URL(location, from);
  throw new CairnError('url-rejected', `${from.origin} redirects to an invalid URL.`);
}

function request(url: URL, { allowPrivate, signal }: FetchOptions): Promise<IncomingMessage> {
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw forbidden(`${url.protocol} URLs`);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (!allowPrivate && isIP(host) && isPrivate(host)) throw forbidden(`the private address ${host}`);
  const options: RequestOptions = {
    headers: { accept: 'image/*', 'user-agent': 'cairn' },
    timeout: TIMEOUT_MS,
    ...(signal && { signal }),
    ...(!allowPrivate && { lookup: publicOnly }),
  };
  return new Promise((resolve, reject) => {
    const get = url.protocol === 'https:' ? httpsGet : httpGet;
    const outgoing = get(url, options, resolve);
    outgoing.on('timeout', () => outgoing.destroy(new Error(`no data for ${TIMEOUT_MS / 1000} s`)));
    outgoing.on('error', (error) => reject(error instanceof CairnError ? error : unreachable(url, error)));
  });
}

/** A lookup that fails for names of private addresses: with a check beforehand, DNS rebinding could bypass it. */
const publicOnly: LookupFunction = (hostname, options, callback) => {
  dnsLookup(hostname, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
    const inside = error ? undefined : addresses.find(({ address }) => isPrivate(address));
    if (inside) callback(forbidden(`${hostname}, which leads to the private address ${inside.address}`), '', 0);
    else if (error) callback(error, '', 0);
    else if (options.all) callback(null, addresses);
    else callback(null, addresses[0]!.address, addresses[0]!.family);
  });
};

/**
 * Loopback, link-local, private and reserved ranges (IANA special-purpose address registries).
 * `BlockList` checks IPv4 addresses written as IPv6 ones against the IPv4 ranges by itself.
 */
function isPrivate(address: string): boolean {
  return SPECIAL.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
}

const SPECIAL = new BlockList();
const SPECIAL_NETS = [
  '0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.168.0.0/16',
  '198.18.0.0/15 224.0.0.0/3 ::/127 64:ff9b::/96 fc00::/7 fe80::/10 ff00::/8',
];
for (const net of SPECIAL_NETS.join(' ').split(' ')) {
  const [address = '', prefix] = net.split('/');
  SPECIAL.addSubnet(address, Number(prefix), isIP(address) === 6 ? 'ipv6' : 'ipv4');
}

function forbidden(what: string): CairnError {
  return new CairnError('url-forbidden', `Images are not fetched from ${what}.`);
}

function refused(url: URL, status: number): CairnError {
  const code = status >= 300 && status < 500 && status !== 408 && status !== 429 ? 'url-rejected' : 'url-unreachable';
  return new CairnError(code, `${url.origin} answered with status ${status}.`);
}

function unreachable(url: URL, cause: Error): CairnError {
  return new CairnError('url-unreachable', `${url.origin} cannot be reached: ${cause.message}.`, { cause });
}
