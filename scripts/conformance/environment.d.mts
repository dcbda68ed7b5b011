// Types of environment.mjs for the benchmarks that import it.

export const PYTHON: string;
export const CONFORMANCE: string;
export const CANNOT_RUN_HERE: number;
export class CannotRunHere extends Error {}

export function createEnvironment(): void;
export function addPackages(requirements: string): void;
