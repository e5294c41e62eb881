import { destination, pino, stdSerializers } from 'pino';
import { activeTraceIds } from './tracing/spans.ts';

/** One line of JSON per decision: constant message, variable fields, never a secret, never a whole object. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  child(fields: object): Logger;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Logs to standard output as containers do; pass `error` fields as `{ error }`, their cause chain is written once. */
export function createLogger(options: { level: LogLevel; fields?: object }): Logger {
  return pino(
    {
      level: options.level,
      base: options.fields ?? {},
      messageKey: 'message',
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      mixin: () => activeTraceIds() ?? {},
      serializers: { error: stdSerializers.errWithCause },
    },
    destination({ fd: 1, sync: true }),
  );
}

/** A logger that says nothing, for tests and for library use. */
export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLogger,
};
