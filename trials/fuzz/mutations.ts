import fc, { type Arbitrary } from 'fast-check';

type Mutation = (bytes: Buffer) => Buffer;

/** Positions are shares, so that a mutation means the same for bytes of any length. */
const share = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });
const at = (bytes: Buffer, where: number) => Math.floor(where * bytes.length);

const flip = fc.tuple(share, fc.integer({ min: 1, max: 255 })).map(([where, mask]): Mutation => (bytes) => {
  const copy = Buffer.from(bytes);
  if (copy.length > 0) copy[at(copy, where)]! ^= mask;
  return copy;
});
const cut = share.map(
  (where): Mutation =>
    (bytes) =>
      bytes.subarray(0, at(bytes, where)),
);
const insert = fc.tuple(share, fc.uint8Array({ minLength: 1, maxLength: 16 })).map(
  ([where, more]): Mutation =>
    (bytes) =>
      Buffer.concat([bytes.subarray(0, at(bytes, where)), more, bytes.subarray(at(bytes, where))]),
);
const repeat = fc
  .tuple(share, share, fc.integer({ min: 2, max: 50 }))
  .map(([one, other, times]): Mutation => (bytes) => {
    const [from, to] = [Math.min(one, other), Math.max(one, other)].map((where) => at(bytes, where)) as [
      number,
      number,
    ];
    const piece = bytes.subarray(from, Math.min(to, from + 4096));
    return Buffer.concat([bytes.subarray(0, to), ...Array.from({ length: times }, () => piece), bytes.subarray(to)]);
  });
const remove = fc.tuple(share, fc.integer({ min: 1, max: 64 })).map(
  ([where, count]): Mutation =>
    (bytes) =>
      Buffer.concat([bytes.subarray(0, at(bytes, where)), bytes.subarray(at(bytes, where) + count)]),
);
/** Lengths and counts of formats: a 32-bit number that is wrong. */
const number = fc
  .tuple(share, fc.constantFrom(0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 0x10000))
  .map(([where, value]): Mutation => (bytes) => {
    const copy = Buffer.from(bytes);
    if (copy.length >= 4) copy.writeUInt32LE(value, Math.floor(where * (copy.length - 3)));
    return copy;
  });

const mutations = fc.array(fc.oneof(flip, cut, insert, repeat, remove, number), { minLength: 1, maxLength: 4 });

/** Mostly as it is, and now and then spoiled. */
export function mutated(bytes: Arbitrary<Buffer>, shareMutated = 0.4): Arbitrary<Buffer> {
  const weight = Math.round(100 * shareMutated);
  return fc.oneof({ weight: 100 - weight, arbitrary: bytes }, { weight, arbitrary: spoiled(bytes) });
}

export function spoiled(bytes: Arbitrary<Buffer>): Arbitrary<Buffer> {
  return fc
    .tuple(bytes, mutations)
    .map(([original, list]) => list.reduce((result, mutate) => mutate(result), original));
}
