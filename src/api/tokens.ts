/** Injection tokens of values that have no class. */
export const STORE = Symbol('Store');
export const ZSTD = Symbol('Zstd');
export const INTAKE_LIMITS = Symbol('IntakeLimits');
export const SERVER_VERSION = Symbol('server version');
