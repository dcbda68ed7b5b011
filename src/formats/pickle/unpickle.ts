import { opcodeName, type OpcodeName } from './opcodes.js';
import type { PickleBytes } from './pickle-bytes.js';

/** Limits for untrusted pickles. The checkpoint of a whole Mask R-CNN with its optimizer has about 60,000 opcodes. */
export const PICKLE_LIMITS = {
  opcodes: 1_000_000,
  memo: 500_000,
  /** Lists, tuples, dictionaries and objects. */
  containers: 200_000,
  /** Items in the arguments of all calls: a call may copy a list that was written once. */
  arguments: 2_000_000,
  /** Marks that are open at once: tuples within lists within dictionaries. */
  depth: 1000,
  /** A longer text or run of bytes stays in the file, see `Span`. */
  heldBytes: 4096,
  /** Of all texts and bytes that are held. */
  totalBytes: 32 << 20,
} as const;
/** Opcode and its longest fixed argument. */
const LONGEST_FIXED = 9;
const HIGHEST_PROTOCOL = 5;

/** A pickle that asks for something that is never done for a file: an unknown global, a call, an opcode. */
export class UnsafePickle extends Error {}

/** A text or bytes that stay in the file. */
export class Span {
  constructor(
    readonly start: number,
    readonly length: number,
    /** `utf8` where the file has a text. */
    readonly encoding: 'bytes' | 'utf8',
  ) {}
}

/**
 * What a global of a pickle stands for here. `call` takes the place of a function or class of Python: it makes data
 * of its arguments, and nothing else.
 */
export interface PickleGlobal {
  call(args: readonly unknown[]): unknown;
}

/** An object whose state a pickle sets. */
export interface Buildable {
  build(state: unknown): void;
}

/** Gives the globals and persistent ids of a pickle their meaning. */
export interface PickleHost {
  /** @throws UnsafePickle for a global that is not allowed. */
  find(module: string, name: string): PickleGlobal;
  /** @throws Error for an id that means nothing. */
  persistent(id: unknown): unknown;
}

/**
 * The value of the pickle at the place of `bytes`, which then stand behind it. Texts become strings, lists and tuples
 * arrays, dictionaries maps; what else there is, `host` makes. No code of the file runs, since none is ever looked up:
 * the opcodes are those that the protocols 2 to 5 write for data, and a global means what `host` says.
 *
 * @throws UnsafePickle, its message a clause about the file, for other opcodes and globals.
 * @throws Error, likewise, when the bytes are no such pickle, or exceed `PICKLE_LIMITS`.
 */
export async function unpickle(bytes: PickleBytes, host: PickleHost): Promise<unknown> {
  return new Unpickler(bytes, host).run();
}

class Unpickler {
  private stack: unknown[] = [];
  private readonly marks: unknown[][] = [];
  private readonly memo = new Map<number, unknown>();
  private containers = 0;
  private held = 0;
  private passed = 0;

  constructor(
    private readonly bytes: PickleBytes,
    private readonly host: PickleHost,
  ) {}

  async run(): Promise<unknown> {
    for (let count = 0; count < PICKLE_LIMITS.opcodes; count++) {
      await this.bytes.ensure(LONGEST_FIXED);
      const code = this.bytes.u8();
      const name = opcodeName(code);
      if (name === undefined) throw new Error(`its pickle has a byte ${code} where an opcode is expected`);
      if (name === 'STOP') return this.pop();
      const step = STEPS[name];
      if (!step) throw new UnsafePickle(`its pickle has the opcode ${name}, which is not read`);
      // Awaiting each would take most of the time.
      const waits = step(this);
      if (waits) await waits;
    }
    throw tooMany('opcodes', PICKLE_LIMITS.opcodes);
  }

  readonly read = {
    u8: () => this.bytes.u8(),
    u16: () => this.bytes.u16(),
    u32: () => this.bytes.u32(),
    i32: () => this.bytes.i32(),
    u64: () => this.bytes.u64(),
    f64: () => this.bytes.f64(),
  };

  push(value: unknown): void {
    this.stack.push(value);
  }

  /** A new list, tuple, dictionary or object. */
  pushNew(value: unknown): void {
    if (++this.containers > PICKLE_LIMITS.containers) throw tooMany('objects', PICKLE_LIMITS.containers);
    this.stack.push(value);
  }

  pop(): unknown {
    if (this.stack.length === 0) throw new Error('its pickle takes more from its stack than is there');
    return this.stack.pop();
  }

  top(): unknown {
    if (this.stack.length === 0) throw new Error('its pickle takes more from its stack than is there');
    return this.stack.at(-1);
  }

  mark(): void {
    if (this.marks.length >= PICKLE_LIMITS.depth)
      throw new Error(`its pickle is nested more than ${PICKLE_LIMITS.depth} deep`);
    this.marks.push(this.stack);
    this.stack = [];
  }

  /** What was pushed since the last mark. */
  popMark(): unknown[] {
    const before = this.marks.pop();
    if (!before) throw new Error('its pickle has no mark where one is needed');
    const items = this.stack;
    this.stack = before;
    return items;
  }

  popArray(): readonly unknown[] {
    const value = this.pop();
    if (!Array.isArray(value)) throw new Error('its pickle calls something without a tuple of arguments');
    return value as unknown[];
  }

  /** A short text or bytes, decoded by `of`; the place of a long one. */
  async hold(length: number, encoding: Span['encoding'], of: (bytes: Buffer) => unknown): Promise<void> {
    if (length > PICKLE_LIMITS.heldBytes) {
      const span = new Span(this.bytes.offset, length, encoding);
      this.bytes.skip(length);
      this.push(span);
      return;
    }
    this.held += length;
    if (this.held > PICKLE_LIMITS.totalBytes) throw tooMany('bytes of text', PICKLE_LIMITS.totalBytes);
    await this.bytes.ensure(length);
    this.push(of(this.bytes.take(length)));
  }

  /** An integer of `length` bytes, little-endian in two's complement. */
  async integer(length: number): Promise<void> {
    await this.bytes.ensure(length);
    const bytes = this.bytes.take(length);
    if (length === 0) {
      this.push(0);
      return;
    }
    const value = BigInt.asIntN(8 * length, BigInt(`0x${bytes.reverse().toString('hex')}`));
    const number = Number(value);
    this.push(Number.isSafeInteger(number) ? number : value);
  }

  skip(length: number): void {
    this.bytes.skip(length);
  }

  async global(): Promise<void> {
    const module = await this.bytes.line();
    this.push(this.host.find(module, await this.bytes.line()));
  }

  stackGlobal(): void {
    const [name, module] = [this.pop(), this.pop()];
    if (typeof name !== 'string' || typeof module !== 'string')
      throw new Error('its pickle has a global without a name');
    this.push(this.host.find(module, name));
  }

  call(): void {
    const args = this.popArray();
    const global = this.pop();
    for (const arg of args) this.passed += Array.isArray(arg) ? arg.length : 1;
    if (this.passed > PICKLE_LIMITS.arguments) throw tooMany('arguments', PICKLE_LIMITS.arguments);
    if (!isGlobal(global)) throw new UnsafePickle('its pickle calls something that is no known function');
    this.pushNew(global.call(args));
  }

  persistent(): void {
    this.push(this.host.persistent(this.pop()));
  }

  /** Attributes of dictionaries, such as the versions of a state_dict's modules, are dropped. */
  build(): void {
    const state = this.pop();
    const object = this.top();
    if (isBuildable(object)) object.build(state);
    else if (!(object instanceof Map)) throw new UnsafePickle('its pickle sets the state of something that has none');
  }

  put(index: number): void {
    if (this.memo.size >= PICKLE_LIMITS.memo) throw tooMany('memo entries', PICKLE_LIMITS.memo);
    this.memo.set(index, this.top());
  }

  memoize(): void {
    this.put(this.memo.size);
  }

  get(index: number): void {
    if (!this.memo.has(index)) throw new Error(`its pickle has no memo ${index}`);
    this.push(this.memo.get(index));
  }

  append(items: readonly unknown[]): void {
    const list = this.top();
    if (!Array.isArray(list)) throw new Error('its pickle appends to something that is no list');
    // Not spread: a call has fewer arguments than a list may have items.
    for (const item of items) list.push(item);
  }

  setItems(items: readonly unknown[]): void {
    const dict = this.top();
    if (!(dict instanceof Map) || items.length % 2 !== 0) throw new Error('its pickle sets items of no dictionary');
    for (let i = 0; i < items.length; i += 2) dict.set(items[i], items[i + 1]);
  }

  take(count: number): unknown[] {
    if (this.stack.length < count) throw new Error('its pickle takes more from its stack than is there');
    return this.stack.splice(-count);
  }
}

type Step = (machine: Unpickler) => Promise<void> | void;

const utf8 = (bytes: Buffer) => bytes.toString('utf8');
/** Text of Python 2, and bytes where they are wanted: see `_codecs.encode`. */
const latin1 = (bytes: Buffer) => bytes.toString('latin1');
const same = (bytes: Buffer) => bytes;

/** What is read; all other opcodes are refused. */
const STEPS: Readonly<Partial<Record<OpcodeName, Step>>> = {
  PROTO: (m) => {
    const version = m.read.u8();
    if (version > HIGHEST_PROTOCOL) throw new Error(`its pickle protocol is ${version}`);
  },
  // The length of what follows, which is read in any case.
  FRAME: (m) => void m.read.u64(),
  MARK: (m) => m.mark(),
  NONE: (m) => m.push(null),
  NEWTRUE: (m) => m.push(true),
  NEWFALSE: (m) => m.push(false),
  BININT: (m) => m.push(m.read.i32()),
  BININT1: (m) => m.push(m.read.u8()),
  BININT2: (m) => m.push(m.read.u16()),
  LONG1: (m) => m.integer(m.read.u8()),
  BINFLOAT: (m) => m.push(m.read.f64()),
  SHORT_BINSTRING: (m) => m.hold(m.read.u8(), 'bytes', latin1),
  BINSTRING: (m) => m.hold(m.read.u32(), 'bytes', latin1),
  SHORT_BINUNICODE: (m) => m.hold(m.read.u8(), 'utf8', utf8),
  BINUNICODE: (m) => m.hold(m.read.u32(), 'utf8', utf8),
  BINUNICODE8: (m) => m.hold(m.read.u64(), 'utf8', utf8),
  SHORT_BINBYTES: (m) => m.hold(m.read.u8(), 'bytes', same),
  BINBYTES: (m) => m.hold(m.read.u32(), 'bytes', same),
  BINBYTES8: (m) => m.hold(m.read.u64(), 'bytes', same),
  BYTEARRAY8: (m) => m.hold(m.read.u64(), 'bytes', same),
  EMPTY_TUPLE: (m) => m.pushNew([]),
  EMPTY_LIST: (m) => m.pushNew([]),
  EMPTY_DICT: (m) => m.pushNew(new Map()),
  EMPTY_SET: (m) => m.pushNew([]),
  TUPLE: (m) => m.pushNew(m.popMark()),
  TUPLE1: (m) => m.pushNew(m.take(1)),
  TUPLE2: (m) => m.pushNew(m.take(2)),
  TUPLE3: (m) => m.pushNew(m.take(3)),
  APPEND: (m) => m.append([m.pop()]),
  APPENDS: (m) => m.append(m.popMark()),
  ADDITEMS: (m) => m.append(m.popMark()),
  SETITEM: (m) => m.setItems(m.take(2)),
  SETITEMS: (m) => m.setItems(m.popMark()),
  BINPUT: (m) => m.put(m.read.u8()),
  LONG_BINPUT: (m) => m.put(m.read.u32()),
  MEMOIZE: (m) => m.memoize(),
  BINGET: (m) => m.get(m.read.u8()),
  LONG_BINGET: (m) => m.get(m.read.u32()),
  GLOBAL: (m) => m.global(),
  STACK_GLOBAL: (m) => m.stackGlobal(),
  REDUCE: (m) => m.call(),
  NEWOBJ: (m) => m.call(),
  BUILD: (m) => m.build(),
  BINPERSID: (m) => m.persistent(),
};

function isGlobal(value: unknown): value is PickleGlobal {
  return typeof value === 'object' && value !== null && typeof (value as Partial<PickleGlobal>).call === 'function';
}

function isBuildable(value: unknown): value is Buildable {
  return typeof value === 'object' && value !== null && typeof (value as Partial<Buildable>).build === 'function';
}

function tooMany(what: string, limit: number): Error {
  return new Error(`its pickle has more than ${limit} ${what}`);
}
