// Types of redis.mjs for the tests and benchmarks that import it.

export type RedisServer = { kind: 'url'; url: string } | { kind: 'binary'; path: string };

export interface OpenRedis {
  readonly url: string;
  /** Settles when the server process has ended. */
  readonly exited: Promise<unknown>;
  /** Safe to call again. */
  stop(): Promise<void>;
}

export interface PrivateRedis extends OpenRedis {
  readonly pid: number;
  readonly port: number;
}

export interface PrivateRedisOptions {
  /** The folder for its data; without it the server persists nothing. */
  dataDir?: string;
  /** An unused loopback port when left out. */
  port?: number;
  /** Without it everyone on this machine gets in. */
  password?: string;
  /** Defaults to whether there is a `dataDir`. */
  appendonly?: boolean;
  /** Further settings of redis.conf, by name. */
  settings?: Readonly<Record<string, string>>;
  /** Further variables of its environment. */
  env?: Readonly<Record<string, string>>;
}

export function findRedisServer(options?: { own?: boolean }): Promise<RedisServer>;
export function openRedis(options?: PrivateRedisOptions): Promise<OpenRedis>;
export function startPrivateRedis(options?: PrivateRedisOptions): Promise<PrivateRedis>;
