import { Cairn, type ConnectionOptions } from '../../client/index.js';
import { apiKey, serverOf, type ServerFlags } from '../flags.js';

/** A client of the server that the flags name, with the key of the environment. @throws CairnError as `serverOf`. */
export function cairnAt(flags: ServerFlags, options: ConnectionOptions): Cairn {
  const key = apiKey();
  return new Cairn(serverOf(flags), { ...options, ...(key !== undefined && { apiKey: key }) });
}
