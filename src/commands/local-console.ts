// The console of `start --local`: a person types what shall happen to which stand-in, and sees what becomes of the
// replicas. Knows nothing of signals and of where the lines come from; the end of its input ends nothing else.
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import type { ReadStream } from 'node:tty';
import type { StandIn, StandInReplica } from '../supervisor/local.ts';
import type { UpstreamStatus } from '../supervisor/replica-status.ts';
import { replicaTable } from './replica-table.ts';

export interface ConsoleParts {
  readonly input: Readable;
  readonly output: Writable;
  /** Upstream name → what answers in its place. */
  readonly standIns: ReadonlyMap<string, StandIn>;
  /** How the replicas of all upstreams do, in the order of the config. */
  status(): readonly UpstreamStatus[];
}

const HELP = `  list           the replicas of every upstream, and how they do
  stop NAME N    stand-in N of the upstream NAME refuses connections, as after a crash
  start NAME N   it listens again
  pause NAME N   it accepts connections and answers nothing, as a process that hangs
  resume NAME N  it answers again
  help           this text
Ctrl-C stops the gateway.
`;

/** What may be done to a stand-in: from which states, and what to say. */
interface Deed {
  readonly from: readonly StandInReplica['state'][];
  run(replica: StandInReplica): void | Promise<void>;
  readonly done: string;
}

const DEEDS: Readonly<Record<string, Deed>> = {
  stop: {
    from: ['running', 'paused'],
    run: (replica) => replica.stop(),
    done: 'is stopped: it refuses connections',
  },
  start: { from: ['stopped'], run: (replica) => replica.start(), done: 'is running' },
  pause: {
    from: ['running'],
    run: (replica) => replica.pause(),
    done: 'is paused: it accepts connections and answers nothing',
  },
  resume: { from: ['paused'], run: (replica) => replica.resume(), done: 'is running' },
};

export class LocalConsole {
  readonly #parts: ConsoleParts;
  readonly #lines: ReturnType<typeof createInterface>;
  /** Commands are obeyed one after the other, in the order in which they were typed. */
  #last: Promise<void> = Promise.resolve();

  constructor(parts: ConsoleParts) {
    this.#parts = parts;
    // The terminal edits lines itself; readline would keep Ctrl-C from becoming a signal.
    this.#lines = createInterface({ input: parts.input, terminal: false });
    this.#lines.on('line', (line) => {
      this.#last = this.#last.then(() => this.#obey(line));
    });
    // A terminal that was closed: nobody is there to be told.
    parts.input.on('error', () => this.close());
  }

  /** Reads no further, so that the input does not keep the process. */
  close(): void {
    this.#lines.close();
    this.#parts.input.destroy();
  }

  async #obey(line: string): Promise<void> {
    const words = line.trim().split(/\s+/);
    const command = words[0]!.toLowerCase();
    if (command === '') return;
    const deed = Object.hasOwn(DEEDS, command) ? DEEDS[command]! : null;
    if (deed !== null) return this.#say(await this.#do(command, deed, words.slice(1)));
    if (command === 'list') return this.#say(replicaTable(this.#parts.status(), this.#parts.standIns));
    if (command === 'help' || command === '?') return this.#say(HELP);
    this.#say(`"${words[0]}" is none of: list, ${Object.keys(DEEDS).join(', ')}, help\n`);
  }

  /** Does it, and returns what there is to say. */
  async #do(command: string, deed: Deed, words: readonly string[]): Promise<string> {
    const found = this.#find(command, words);
    if (typeof found === 'string') return `${found}\n`;
    const { name, state, url } = found;
    if (!deed.from.includes(state)) return `${name} is ${state}${wayOut(command, state, words)}\n`;
    try {
      await deed.run(found);
    } catch (error) {
      return `${name} cannot ${command}: ${(error as Error).message}\n`;
    }
    return `${name} ${deed.done} (${url})\n`;
  }

  /** The stand-in that was named, or why there is none. */
  #find(command: string, words: readonly string[]): StandInReplica | string {
    const [name, number] = words;
    if (name === undefined || words.length > 2)
      return `write: ${command} NAME N, for example ${this.#example(command)}`;
    const standIn = this.#parts.standIns.get(name);
    if (standIn === undefined) {
      const isReal = this.#parts.status().some((upstream) => upstream.name === name);
      if (isReal) return `"${name}" is the real one: only stand-ins can be told to ${command}`;
      return `no upstream is named "${name}". Stand-ins: ${this.#names() || 'none'}`;
    }
    const { replicas } = standIn;
    if (number === undefined && replicas.length === 1) return replicas[0]!;
    const replica = /^\d{1,3}$/.test(number ?? '') ? replicas[Number(number) - 1] : undefined;
    if (replica !== undefined) return replica;
    if (replicas.length === 1) return `"${name}" has one stand-in: ${command} ${name} 1`;
    return `"${name}" has the stand-ins 1 to ${replicas.length}: ${command} ${name} 1`;
  }

  #names(): string {
    return [...this.#parts.standIns.keys()].join(', ');
  }

  #example(command: string): string {
    return consoleExample(this.#parts.standIns, command) ?? `${command} api 1 (there are no stand-ins here)`;
  }

  #say(text: string): void {
    this.#parts.output.write(text);
  }
}

/**
 * Whether commands can be read there. The kernel stops whoever reads from a terminal in the background
 * (`npm start &`), so such a one is left alone.
 */
export function isReadable(input: Pick<ReadStream, 'isTTY'>): boolean {
  if (!input.isTTY) return true;
  let stat: string;
  try {
    stat = readFileSync('/proc/self/stat', 'latin1');
  } catch {
    // No Linux. Then it is taken for what it mostly is.
    return true;
  }
  // proc(5): state, ppid, pgrp, session, tty, tpgid, behind a name that may hold anything.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[2] === fields[5];
}

/** `stop api 2`: a command that shows most, for the stack that runs; null without stand-ins. */
export function consoleExample(standIns: ReadonlyMap<string, StandIn>, command: string): string | null {
  let best: string | null = null;
  let most = 0;
  for (const [name, { replicas }] of standIns) {
    if (replicas.length <= most) continue;
    most = replicas.length;
    best = name;
  }
  return best === null ? null : `${command} ${best} ${Math.min(most, 2)}`;
}

function wayOut(command: string, state: StandInReplica['state'], words: readonly string[]): string {
  const others = Object.entries(DEEDS).filter(([, { from }]) => from.includes(state));
  // Already where the command leads: nothing needs to be done first.
  const there = { stop: 'stopped', start: 'running', pause: 'paused', resume: 'running' }[command];
  if (there === state) return ' already';
  return `; try: ${others.map(([other]) => `${other} ${words.join(' ')}`).join(', or ')}`;
}
