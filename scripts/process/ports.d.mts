// Types of ports.mjs for the benchmarks that import it.

export function unusedPort(host?: string): Promise<number>;
