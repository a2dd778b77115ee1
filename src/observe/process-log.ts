// What the gateway says of itself: one JSON line an event on standard output. `error` = we or a replica failed
// an exchange, `warn` = recovered, `info` = start, stop, reload. Never holds what a client sent as a secret.

type Level = 'error' | 'warn' | 'info';
type Facts = Record<string, unknown>;

/** Longest value that is written; the rest is cut. */
const MAX_VALUE = 1024;

let writeLine = (line: string): void => void process.stdout.write(line);

/**
 * Sends the lines of this thread somewhere else, for a command whose standard output is something else. Returns
 * where they went before.
 */
export function divertLog(to: (line: string) => void): (line: string) => void {
  const before = writeLine;
  writeLine = to;
  return before;
}

function write(level: Level, message: string, facts: Facts): void {
  const line = JSON.stringify({ time: new Date().toISOString(), level, message, ...facts }, (_key, value) =>
    typeof value === 'string' && value.length > MAX_VALUE ? `${value.slice(0, MAX_VALUE)}…` : value,
  );
  writeLine(`${line}\n`);
}

export const processLog = {
  error: (message: string, facts: Facts = {}): void => write('error', message, facts),
  warn: (message: string, facts: Facts = {}): void => write('warn', message, facts),
  info: (message: string, facts: Facts = {}): void => write('info', message, facts),
};
