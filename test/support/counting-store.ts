import type { Store, StoredObject } from '../../src/features/store/store.js';

/** Counts the bytes that are read from a store. */
export function countReads(store: Store): { store: Pick<Store, 'open'>; bytes: () => number } {
  let bytes = 0;
  const counting = (object: StoredObject): StoredObject => ({
    ...object,
    read: (start, length) => {
      bytes += length;
      return object.read(start, length);
    },
    stream: (start, end) => {
      bytes += end - start + 1;
      return object.stream(start, end);
    },
  });
  const open = async (key: string) => {
    const object = await store.open(key);
    return object && counting(object);
  };
  return { store: { open }, bytes: () => bytes };
}
