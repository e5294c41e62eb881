import { destination, pino, stdSerializers } from 'pino';
import { activeTraceIds } from './tracing/spans.ts';

/**
 * Writes one line of JSON per event. Messages are constant; values are fields. Never log a secret or a large object.
 */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  child(fields: object): Logger;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Creates a logger that writes to standard output. Pass an error as the field `error`: its causes are written too. */
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

/** A logger that writes nothing, for tests and libraries. */
export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLogger,
};
