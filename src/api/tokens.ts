/** Injection tokens of values that have no class. */
export const HTTP_LIMITS = Symbol('HttpLimits');
export const REGION_STREAMS = Symbol('BandBudget of regions');
export const STORE = Symbol('Store');
/** Whether clients are sent to the store for archives. */
export const REDIRECT = Symbol('redirect');
export const SERVER_VERSION = Symbol('server version');
