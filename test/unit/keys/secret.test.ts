import { describe, expect, test } from '@jest/globals';
import { createHash } from 'node:crypto';
import { createSecret, digestOf, isSecret } from '../../../src/keys/secret.js';

describe('a secret', () => {
  test('is recognised by its prefix, its length and its checksum', () => {
    const secret = createSecret();
    expect(secret).toMatch(/^cairn_[0-9A-Za-z]{49}$/);
    expect(isSecret(secret)).toBe(true);
  });

  test('is another one each time, in every digit', () => {
    const secrets = Array.from({ length: 200 }, createSecret);
    expect(new Set(secrets).size).toBe(200);
    // 62 digits, 200 draws: that a place has fewer than 30 of them does not happen.
    for (let place = 6; place < 49; place++) {
      expect(new Set(secrets.map((secret) => secret[place])).size).toBeGreaterThan(30);
    }
  });

  test('with one digit changed is none', () => {
    const secret = createSecret();
    const changed = secret.slice(0, 20) + (secret[20] === 'a' ? 'b' : 'a') + secret.slice(21);
    for (const text of [changed, secret.slice(1), `${secret}0`, '', 'cairn_', secret.toUpperCase()]) {
      expect(isSecret(text)).toBe(false);
    }
  });

  test('is kept as the SHA-256 of its text', () => {
    expect(digestOf('abc').toString('hex')).toBe(createHash('sha256').update('abc').digest('hex'));
  });
});
