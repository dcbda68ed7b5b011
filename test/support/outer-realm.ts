/**
 * Jest runs tests in a realm of their own, with typed arrays of its own; native addons make those of
 * the process. ONNX Runtime compares constructors and refuses the mixture. Call this before an
 * engine is imported.
 */
export function useTypedArraysOfTheProcess(): void {
  for (const Type of [Float32Array, Uint16Array, BigInt64Array]) {
    // `structuredClone` is the process's, and so is what it makes.
    Object.defineProperty(globalThis, Type.name, {
      value: (structuredClone(new Type(1)) as object).constructor,
      configurable: true,
      writable: true,
    });
  }
}
