/** Control characters (C0, DEL, C1), line and paragraph separators, and those that change the direction of text. */
const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/gu;

/**
 * A text with everything escaped that could do more on a terminal or in a log than be read: names and messages may come
 * from strangers. `keep` lists characters to leave as they are.
 */
export function printable(text: string, keep = ''): string {
  return text.replace(UNPRINTABLE, (character) => (keep.includes(character) ? character : escaped(character)));
}

/** A value as one line of JSON, which is the same value but harmless on a terminal. */
export function printableJson(value: unknown, indent?: number): string {
  return printable(JSON.stringify(value, null, indent), '\n');
}

/** As JSON writes it. */
function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
