import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { CairnError } from '../../errors.js';
import type { HttpLimits } from './limits.js';

const SAFE_METHODS = ['GET', 'HEAD', 'OPTIONS'];

/**
 * Refuses what a web page could make a browser do: requests under another name than the server's (DNS rebinding), and
 * changes that another site asks for. Programs send neither `Origin` nor `Sec-Fetch-Site`.
 */
export function guardAgainstBrowsers(
  server: FastifyInstance,
  { allowedHosts, corsOrigins }: Pick<HttpLimits, 'allowedHosts' | 'corsOrigins'>,
  answer: (error: CairnError, reply: FastifyReply) => void,
): void {
  server.addHook('onRequest', (request, reply, done) => {
    const refusal = refuseHost(request.headers.host, allowedHosts) ?? refuseChange(request, corsOrigins);
    if (refusal) answer(refusal, reply);
    else done();
  });
}

function refuseHost(host = '', allowed: readonly string[] | undefined): CairnError | undefined {
  if (!allowed || allowed.includes(hostName(host))) return undefined;
  return new CairnError(
    'host-forbidden',
    `This server is not "${host.slice(0, 100)}"; CAIRN_ALLOWED_HOSTS lists the names that it answers to.`,
  );
}

function refuseChange(request: FastifyRequest, origins: readonly string[]): CairnError | undefined {
  return SAFE_METHODS.includes(request.method) ? undefined : foreignOrigin(request, origins);
}

/**
 * The error for a request that a site other than `allowed` made in a browser; undefined for all others. Browsers do not let pages set
 * `Sec-Fetch-Site`; old ones send `Origin` only.
 */
export function foreignOrigin(
  { headers }: Pick<FastifyRequest, 'headers'>,
  allowed: readonly string[] = [],
): CairnError | undefined {
  const { 'sec-fetch-site': site, origin, host = '' } = headers;
  if (site === 'same-origin' || site === 'none') return undefined;
  if (origin !== undefined && allowed.includes(origin)) return undefined;
  if (site === undefined && (origin === undefined || sameHost(origin, host))) return undefined;
  return new CairnError('origin-forbidden', 'Another site may not change anything here by way of a browser.');
}

/** The name in `Host`, without the port and the brackets of IPv6. */
export function hostName(host: string): string {
  return host
    .toLowerCase()
    .replace(/:\d*$/, '')
    .replace(/^\[(.*)\]$/, '$1');
}

/** `null`, the origin of sandboxed pages and files, is no URL. */
function sameHost(origin: string, host: string): boolean {
  return URL.canParse(origin) && new URL(origin).host === host.toLowerCase();
}
