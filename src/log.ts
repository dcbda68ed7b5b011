/** Where long-running parts report to. */
export interface Log {
  log(message: string): void;
  warn(message: string): void;
}
