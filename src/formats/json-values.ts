const [QUOTE, BACKSLASH, COMMA, COLON, BRACKET, BRACE] = Buffer.from('"\\,:[{');

/**
 * The number of values in a JSON text, keys and empty lists included, or `limit + 1` where there are more than `limit`:
 * what a parsed text takes in memory depends on it, not on the length. The text need not be valid.
 */
export function countJsonValues(json: Buffer, limit: number): number {
  let values = 1;
  for (let i = 0; i < json.length && values <= limit; i++) {
    const byte = json[i];
    if (byte === QUOTE) i = endOfString(json, i + 1);
    else if (byte === COMMA || byte === COLON || byte === BRACKET || byte === BRACE) values++;
  }
  return values;
}

/** Place of the quote that ends a string which begins at `start`; the end of the text where none does. */
function endOfString(json: Buffer, start: number): number {
  for (let from = start; ;) {
    const quote = json.indexOf(QUOTE!, from);
    if (quote === -1) return json.length;
    let backslashes = 0;
    while (quote - backslashes > from && json[quote - backslashes - 1] === BACKSLASH) backslashes++;
    // Each pair of backslashes is one that is meant; an odd one escapes the quote.
    if (backslashes % 2 === 0) return quote;
    from = quote + 1;
  }
}
