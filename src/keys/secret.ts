import { createHash, randomInt } from 'node:crypto';
import { crc32 } from 'node:zlib';

/** Marks a key of Cairn wherever it turns up: scanners for leaked secrets look for such prefixes. */
const PREFIX = 'cairn_';
const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
/** 62⁴³ is just above 2²⁵⁶. */
const RANDOM_DIGITS = 43;
/** 62⁶ is above 2³². */
const CHECK_DIGITS = 6;

const FORM = new RegExp(`^${PREFIX}([0-9A-Za-z]{${RANDOM_DIGITS}})([0-9A-Za-z]{${CHECK_DIGITS}})$`);

/**
 * A new API key: the prefix, 256 random bits as letters and digits (a double click selects all of it), and a checksum, by
 * which scanners tell a key from a word that looks like one.
 */
export function createSecret(): string {
  const random = Array.from({ length: RANDOM_DIGITS }, () => DIGITS[randomInt(DIGITS.length)]).join('');
  return PREFIX + random + checkDigits(random);
}

/** Whether a text is written as a key is, checksum included. */
export function isSecret(text: string): boolean {
  const [, random, check] = FORM.exec(text) ?? [];
  return random !== undefined && checkDigits(random) === check;
}

/**
 * What is kept of a key. One round of SHA-256 is right here: a slow hash protects passwords, which can be guessed, but 256
 * random bits cannot, and its cost would fall on every request, so that anybody could keep the server busy with wrong keys.
 */
export function digestOf(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}

function checkDigits(random: string): string {
  let rest = crc32(PREFIX + random);
  let digits = '';
  for (let i = 0; i < CHECK_DIGITS; i++) {
    digits = DIGITS[rest % DIGITS.length]! + digits;
    rest = Math.floor(rest / DIGITS.length);
  }
  return digits;
}
