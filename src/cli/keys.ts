import { Command } from 'commander';
import { loadConfig } from '../config/config.js';
import { readEnv } from '../config/env.js';
import { CairnError } from '../errors.js';
import { QUOTAS, SCOPES, type ApiKey, type QuotaName, type Quotas } from '../keys/api-key.js';
import { editKeyFile, readKeyFile } from '../keys/edit-key-file.js';
import { formatKey, isKeyName, NAME_RULE, parseKeyFile, parseScopes } from '../keys/key-file.js';
import { createSecret, digestOf } from '../keys/secret.js';
import { printable } from '../printable.js';
import { formatTable, print } from './output.js';

const HEADER = '# API keys of Cairn: name, digest of the secret, scopes, quotas. `cairn keys` edits this file.\n';
const SHOWN_DIGITS = 12;

interface FileFlags {
  readonly file?: string;
  readonly json?: boolean;
}

type CreateFlags = FileFlags & {
  readonly name: string;
  readonly scopes?: string;
  readonly rotate?: boolean;
  readonly requestsPerSecond?: string;
  readonly jobs?: string;
  readonly bytesPerDay?: string;
};

/** `cairn keys`: the keys that a server accepts. */
export function keysCommand(): Command {
  const command = new Command('keys').description('create, list and revoke the API keys that a server accepts');
  addFileFlag(command.command('create').description('create a key and print its secret, which is not kept anywhere'))
    .requiredOption('--name <name>', 'the owner of what is done with the key')
    .option('--scopes <scopes>', `of ${SCOPES.join(', ')}, separated by commas (default: read,submit)`)
    .option('--requests-per-second <count>', 'most requests per second')
    .option('--jobs <count>', 'most jobs that are queued or active at a time')
    .option('--bytes-per-day <count>', 'most bytes of request bodies per day (UTC)')
    .option('--rotate', 'a second secret of a name that exists, with its scopes and quotas')
    .action(create);
  addFileFlag(command.command('list').description('list the keys')).action(list);
  addFileFlag(command.command('revoke').description('revoke the keys of a name; servers follow within a second'))
    .argument('<name>', 'the name')
    .option('--old', 'all but the newest, after a rotation')
    .action(revoke);
  return command;
}

function addFileFlag(command: Command): Command {
  return command
    .option('--file <file>', 'the file of keys (default: CAIRN_API_KEYS_FILE)')
    .option('--json', 'print JSON');
}

async function create(flags: CreateFlags): Promise<void> {
  const file = fileOf(flags);
  const { name, rotate = false } = flags;
  if (!isKeyName(name)) throw new CairnError('option-invalid', `--name: ${NAME_RULE}.`);
  const asked = { scopes: scopesOf(flags.scopes ?? 'read,submit'), quotas: quotasOf(flags) };
  if (rotate && (flags.scopes !== undefined || Object.keys(asked.quotas).length > 0)) {
    throw new CairnError('option-invalid', '--rotate keeps the scopes and quotas: leave them out.');
  }
  const secret = createSecret();
  let made: ApiKey | undefined;
  await editKeyFile(file, (text) => {
    const known = parseKeyFile(text).keys.findLast((key) => key.name === name);
    if (known && !rotate) {
      throw new CairnError('option-invalid', `There is a key "${name}"; --rotate gives it a second secret.`);
    }
    if (!known && rotate) throw noSuchKey(name);
    const { scopes, quotas } = known ?? asked;
    made = { name, digest: digestOf(secret), scopes, quotas };
    const lines = text === '' ? HEADER : text.replace(/\n*$/, '\n');
    return `${lines}${formatKey(made)}\n`;
  });
  print({ ...view(made!), key: secret, file }, flags, () => secret);
  if (!flags.json)
    console.error(`cairn: "${name}" is in ${printable(file)}; this is the only time that its key is shown`);
}

async function list(flags: FileFlags): Promise<void> {
  const file = fileOf(flags);
  const { keys, bad } = parseKeyFile(await readKeyFile(file));
  print({ keys: keys.map(view), bad }, flags, () =>
    formatTable(
      ['name', 'scopes', 'digest', 'quotas'],
      keys.map(view).map(({ name, scopes, digest, quotas }) => [
        name,
        scopes.join(),
        digest.slice(0, SHOWN_DIGITS),
        Object.entries(quotas)
          .map(([quota, value]) => `${quota}=${value}`)
          .join(' '),
      ]),
    ),
  );
  for (const { line, problem } of bad) console.error(`cairn: ${printable(file)}, line ${line}: ${problem}`);
  if (bad.length > 0) process.exitCode = 1;
}

async function revoke(name: string, flags: FileFlags & { readonly old?: boolean }): Promise<void> {
  const file = fileOf(flags);
  let revoked = 0;
  await editKeyFile(file, (text) => {
    const lines = text.split('\n');
    const own = [...lines.keys()].filter((i) => parseKeyFile(lines[i]!).keys[0]?.name === name);
    if (own.length === 0) throw noSuchKey(name);
    const gone = new Set(flags.old ? own.slice(0, -1) : own);
    revoked = gone.size;
    return lines.filter((_, i) => !gone.has(i)).join('\n');
  });
  print({ name, revoked }, flags, () => `${revoked} ${revoked === 1 ? 'key' : 'keys'} of ${name} revoked`);
}

function fileOf({ file }: FileFlags): string {
  const path = file ?? loadConfig(readEnv()).auth.keysFile;
  if (path !== undefined) return path;
  throw new CairnError('option-invalid', 'Name the file of keys with --file or CAIRN_API_KEYS_FILE.');
}

function scopesOf(text: string): ApiKey['scopes'] {
  const scopes = parseScopes(text);
  if (typeof scopes !== 'string') return scopes;
  throw new CairnError('option-invalid', `--scopes: ${scopes}.`);
}

function quotasOf(flags: CreateFlags): Quotas {
  const { requestsPerSecond, jobs, bytesPerDay } = flags;
  const given: Record<QuotaName, string | undefined> = {
    'requests-per-second': requestsPerSecond,
    jobs,
    'bytes-per-day': bytesPerDay,
  };
  return Object.fromEntries(
    QUOTAS.flatMap((name) => {
      const text = given[name];
      if (text === undefined) return [];
      if (!/^[1-9]\d{0,14}$/.test(text)) {
        throw new CairnError('option-invalid', `--${name} must be a whole number from 1, not "${text}".`);
      }
      return [[name, Number(text)]];
    }),
  );
}

function view({ name, digest, scopes, quotas }: ApiKey) {
  return { name, scopes: SCOPES.filter((scope) => scopes.has(scope)), digest: digest.toString('hex'), quotas };
}

function noSuchKey(name: string): CairnError {
  return new CairnError('option-invalid', `There is no key "${name}".`);
}
