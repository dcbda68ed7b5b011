import type { Command } from 'commander';
import { loadConfig } from '../../config/config.js';
import { readEnv } from '../../config/env.js';
import { CairnError } from '../../errors.js';

export interface ServerFlags {
  readonly server?: string;
}

/** The flag for the server that a command talks to. */
export function addServerFlag(command: Command): Command {
  return command.option('--server <url>', 'URL of the server (default: CAIRN_URL, else http://127.0.0.1:8080)');
}

/** @throws CairnError `option-invalid` for anything but an http URL. */
export function serverOf({ server }: ServerFlags): string {
  if (server === undefined) return loadConfig(readEnv()).serverUrl;
  if (/^https?:\/\//i.test(server) && URL.canParse(server)) return server;
  throw new CairnError('option-invalid', `--server must be a URL such as http://127.0.0.1:8080, not "${server}".`);
}
