/** Sorts before every id of a stream entry. */
export const FIRST_ID = '0-0';

/** Redis has 64 bits for each half; fifteen digits last for 30,000 years of milliseconds and are exact as numbers. */
const ENTRY_ID = /^\d{1,15}-\d{1,15}$/;

export function isEntryId(text: string): boolean {
  return ENTRY_ID.test(text);
}

/** Whether `a` was assigned before `b`. */
export function isBefore(a: string, b: string): boolean {
  const [aTime, aNumber] = parts(a);
  const [bTime, bNumber] = parts(b);
  return aTime < bTime || (aTime === bTime && aNumber < bNumber);
}

function parts(id: string): [number, number] {
  const [time, number] = id.split('-');
  return [Number(time), Number(number)];
}
