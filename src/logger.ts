import { ConsoleLogger, type LogLevel } from '@nestjs/common';
import { printable } from './printable.js';

export interface LoggerOptions {
  /** The prefix of every line. */
  readonly context: string;
  readonly json: boolean;
  /** Whether lines may hold ANSI escapes. */
  readonly colors: boolean;
}

/** The contexts in which NestJS lists its modules and routes at every start. */
const STARTUP_CONTEXTS: readonly unknown[] = ['InstanceLoader', 'NestFactory', 'RouterExplorer', 'RoutesResolver'];

/** The log of the service on stdout and stderr, also for NestJS, without its lists of modules and routes. */
export class Logger extends ConsoleLogger {
  constructor({ context, json, colors }: LoggerOptions) {
    super(context, { json, colors: colors && !json, logLevels: ['log', 'warn', 'error', 'fatal'] });
  }

  /** Messages quote what strangers sent: in a terminal, and in what reads the log line by line, it must stay text. */
  protected override stringifyMessage(message: unknown, logLevel: LogLevel): string {
    return super.stringifyMessage(typeof message === 'string' ? printable(message) : message, logLevel);
  }

  /** NestJS takes what does not look like a stack for a context. */
  protected override formatContext(context: string): string {
    return super.formatContext(printable(context));
  }

  protected override printStackTrace(stack: string): void {
    super.printStackTrace(stack && printable(stack, '\n'));
  }

  override log(message: unknown, ...rest: unknown[]): void {
    if (!STARTUP_CONTEXTS.includes(rest.at(-1))) super.log(message, ...rest);
  }
}
