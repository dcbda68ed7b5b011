/** The log of long-running parts. */
export interface Log {
  log(message: string): void;
  warn(message: string): void;
}
