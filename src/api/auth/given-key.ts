import type { IncomingMessage } from 'node:http';
import { CairnError } from '../../errors.js';

const BEARER = /^Bearer +(\S+) *$/i;
const FORMS = '"Authorization: Bearer <key>" or "X-API-Key: <key>"';

/**
 * The key that a request brings. `Authorization` of another scheme is for a proxy.
 *
 * @throws CairnError `key-missing`, or `key-invalid` for several: which of them counts would depend on who reads them.
 */
export function givenKey({ headersDistinct }: Pick<IncomingMessage, 'headersDistinct'>): string {
  const bearers = (headersDistinct['authorization'] ?? []).flatMap((value) => BEARER.exec(value)?.[1] ?? []);
  const [key, ...others] = [...bearers, ...(headersDistinct['x-api-key'] ?? [])];
  if (key === undefined || key === '')
    throw new CairnError('key-missing', `This server asks for an API key: ${FORMS}.`);
  if (others.length > 0) throw new CairnError('key-invalid', `The request has several API keys: send one, ${FORMS}.`);
  return key;
}
