import { ConsoleLogger } from '@nestjs/common';

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

  override log(message: unknown, ...rest: unknown[]): void {
    if (!STARTUP_CONTEXTS.includes(rest.at(-1))) super.log(message, ...rest);
  }
}
