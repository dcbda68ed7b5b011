/** What a key may do: read what the service has, submit work and cancel its own, or everything. */
export const SCOPES = ['read', 'submit', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];

/** Limits of one key, by their names in the file; what is not named is not limited. */
export const QUOTAS = ['requests-per-second', 'jobs', 'bytes-per-day'] as const;
export type QuotaName = (typeof QUOTAS)[number];
export type Quotas = Readonly<Partial<Record<QuotaName, number>>>;

/** One line of the file of keys. Lines of one name are secrets of one owner. */
export interface ApiKey {
  readonly name: string;
  /** SHA-256 of the secret. */
  readonly digest: Buffer;
  readonly scopes: ReadonlySet<Scope>;
  readonly quotas: Quotas;
}

/** Whoever sent a request: the owner of what it makes. */
export type Caller = Pick<ApiKey, 'name' | 'scopes' | 'quotas'>;

/** `admin` contains the others. */
export function hasScope({ scopes }: Pick<Caller, 'scopes'>, scope: Scope): boolean {
  return scopes.has(scope) || scopes.has('admin');
}

/**
 * Whether a caller may see and change what `owner` made. Without keys there is no caller, and everything belongs to everybody;
 * what was made then belongs to `admin` once there are keys.
 */
export function mayAccess(caller: Caller | undefined, owner: string | undefined): boolean {
  return caller === undefined || caller.scopes.has('admin') || (owner !== undefined && owner === caller.name);
}

/** The name that a caller's view is limited to; undefined: it sees everything. */
export function viewOf(caller: Caller | undefined): string | undefined {
  return caller === undefined || caller.scopes.has('admin') ? undefined : caller.name;
}
