// Keeps what would be written to the process log.

export class RecordedLog {
  readonly lines: { level: string; message: string; facts: Record<string, unknown> }[] = [];

  warn = (message: string, facts: Record<string, unknown> = {}): void => {
    this.lines.push({ level: 'warn', message, facts });
  };

  info = (message: string, facts: Record<string, unknown> = {}): void => {
    this.lines.push({ level: 'info', message, facts });
  };

  get messages(): string[] {
    return this.lines.map(({ message }) => message);
  }
}
