/** Injection token of the store, which is an interface. */
export const STORE = Symbol('Store');
