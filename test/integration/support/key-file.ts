import { writeFile } from 'node:fs/promises';
import { createSecret, digestOf } from '../../../src/keys/secret.js';

/** A key of a test: its line in the file, and the headers that send it. */
export interface TestKey {
  readonly name: string;
  readonly secret: string;
  readonly line: string;
  readonly headers: Record<string, string>;
}

/** `rest` is the scopes and the quotas. */
export function testKey(name: string, rest: string): TestKey {
  const secret = createSecret();
  const line = `${name} sha256:${digestOf(secret).toString('hex')} ${rest}`;
  return { name, secret, line, headers: { authorization: `Bearer ${secret}` } };
}

export async function writeKeys(file: string, keys: readonly TestKey[]): Promise<void> {
  await writeFile(file, keys.map(({ line }) => `${line}\n`).join(''), { mode: 0o600 });
}
