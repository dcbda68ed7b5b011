import { CairnError } from '../errors.js';
import type { Config } from './config.js';

/**
 * Refuses to serve strangers by mistake: an address that others reach needs keys, or the word that it needs none.
 *
 * @throws CairnError `option-invalid`.
 */
export function demandAuth({ auth: { keysFile, off, local }, http: { host } }: Pick<Config, 'auth' | 'http'>): void {
  if (local || off || keysFile !== undefined) return;
  throw new CairnError(
    'option-invalid',
    `HOST=${host} lets others in: set CAIRN_API_KEYS_FILE to a file of keys (made by \`cairn keys create\`), ` +
      'or CAIRN_AUTH=off to serve everybody who reaches the port.',
  );
}
