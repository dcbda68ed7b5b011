export type Env = Readonly<Record<string, string | undefined>>;

/** The one place that reads the environment. An empty variable counts as absent, as in compose files. */
export function readEnv(): Env {
  return Object.fromEntries(Object.entries(process.env).filter(([, value]) => value !== ''));
}
