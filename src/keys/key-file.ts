import { QUOTAS, SCOPES, type ApiKey, type QuotaName, type Scope } from './api-key.js';

/** A name is part of Redis keys and log lines. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
export const NAME_RULE = 'a name has 1 to 64 of the characters A-Z a-z 0-9 . _ -, and begins with a letter or digit';
const DIGEST = /^sha256:([0-9a-f]{64})$/;
/** Every request is compared with every key. */
export const MAX_KEYS = 1000;
export const MAX_FILE_BYTES = 1 << 20;

/** A line that cannot be read as a key; the message does not quote it, since it may hold a secret. */
export interface BadLine {
  readonly line: number;
  readonly problem: string;
}

export interface ParsedKeys {
  readonly keys: readonly ApiKey[];
  readonly bad: readonly BadLine[];
}

/**
 * Reads the file of keys: a line per key of its name, the digest of its secret, its scopes and its quotas, separated by white
 * space. Empty lines, and those that begin with `#`, say nothing. A bad line gives nobody access; the others hold.
 *
 *     detector  sha256:9f86d0…  read,submit  requests-per-second=50 jobs=1000
 */
export function parseKeyFile(text: string): ParsedKeys {
  const keys: ApiKey[] = [];
  const bad: BadLine[] = [];
  const digests = new Set<string>();
  for (const [index, raw] of text.split('\n').entries()) {
    const fields = raw.trim().split(/\s+/);
    if (fields[0] === '' || fields[0]!.startsWith('#')) continue;
    const parsed = parseLine(fields);
    if (typeof parsed === 'string') bad.push({ line: index + 1, problem: parsed });
    else if (digests.has(fields[1]!)) bad.push({ line: index + 1, problem: 'another line has the same digest' });
    else if (keys.length === MAX_KEYS) bad.push({ line: index + 1, problem: `there are ${MAX_KEYS} keys already` });
    else {
      digests.add(fields[1]!);
      keys.push(parsed);
    }
  }
  return { keys, bad };
}

/** The line of a key in the file. */
export function formatKey({ name, digest, scopes, quotas }: ApiKey): string {
  const limits = QUOTAS.flatMap((quota) => (quotas[quota] === undefined ? [] : [`${quota}=${quotas[quota]}`]));
  return [name, `sha256:${digest.toString('hex')}`, SCOPES.filter((scope) => scopes.has(scope)).join(), ...limits].join(
    ' ',
  );
}

/** @returns a rule that is broken, or the scopes. */
export function parseScopes(text: string): ReadonlySet<Scope> | string {
  const scopes = text.split(',');
  const known = scopes.filter((scope): scope is Scope => (SCOPES as readonly string[]).includes(scope));
  return known.length === scopes.length ? new Set(known) : `scopes are ${SCOPES.join(', ')}, separated by commas`;
}

export function isKeyName(text: string): boolean {
  return NAME.test(text);
}

function parseLine([name = '', digest = '', scopeList = '', ...limits]: readonly string[]): ApiKey | string {
  if (!isKeyName(name)) return NAME_RULE;
  const hex = DIGEST.exec(digest)?.[1];
  if (hex === undefined) return 'the digest after the name is sha256: and 64 hexadecimal digits';
  const scopes = parseScopes(scopeList);
  if (typeof scopes === 'string') return scopes;
  const quotas: Partial<Record<QuotaName, number>> = {};
  for (const limit of limits) {
    const [, quota, value] = /^([a-z-]+)=([1-9]\d{0,14})$/.exec(limit) ?? [];
    if (!QUOTAS.some((known) => known === quota)) return `quotas are ${QUOTAS.join(', ')}, each as name=number from 1`;
    quotas[quota as QuotaName] = Number(value);
  }
  return { name, digest: Buffer.from(hex, 'hex'), scopes, quotas };
}
