/** Injection tokens of values that have no class. */
export const STORE = Symbol('Store');
export const SERVER_VERSION = Symbol('server version');
