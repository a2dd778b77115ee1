// One check of one replica: a GET on a connection of its own, judged by its status and by whether its body arrives.
// Knows nothing of states, schedules or pools.
import type { ResolvedHealth } from '../../config/resolved.ts';
import { Connection } from '../../wire/connection.ts';
import type { ConnectionTarget } from '../../wire/open-socket.ts';
import { giveBuffer } from '../../wire/read-buffers.ts';
import type { ConnectionOwner, ResponseHandler, WireFailure } from '../../wire/response-handler.ts';
import type { ResponseHead } from '../../wire/response-head.ts';
import { type Cancel, systemTime, type TimeSource } from '../time-source.ts';

/** Bytes of a body after which it is taken for good: a check must not become a download. */
const MAX_BODY = 64 * 1024;
/** Milliseconds that a timer may be late before this thread is taken to have been busy with something else. */
const LATE = 100;

export interface CheckSubject {
  readonly connection: ConnectionTarget;
  /** `Host`, unless the check has its own. */
  readonly authority: string;
  readonly check: Pick<ResolvedHealth, 'path' | 'timeout' | 'status' | 'host' | 'port'>;
}

export interface CheckResult {
  readonly ok: boolean;
  /** For logs and status displays, never for clients: `200`, `status 503`, `connection refused`. */
  readonly detail: string;
  /** Milliseconds. */
  readonly took: number;
}

/**
 * Checks a replica, in at most `timeout` ms from here to the end of the body. `done` is called once and never from
 * within this call; not at all after the returned function was called, which closes the connection.
 */
export function startCheck(
  subject: CheckSubject,
  done: (result: CheckResult) => void,
  time: TimeSource = systemTime,
): Cancel {
  const check = new HealthCheck(subject, done, time);
  return () => check.cancel();
}

class HealthCheck implements ResponseHandler, ConnectionOwner {
  readonly #subject: CheckSubject;
  readonly #done: (result: CheckResult) => void;
  readonly #time: TimeSource;
  readonly #began: number;
  #connection: Connection | null = null;
  #cancelTimer: Cancel | null = null;
  #due = 0;
  #extended = false;
  #status = 0;
  #received = 0;
  #over = false;

  constructor(subject: CheckSubject, done: (result: CheckResult) => void, time: TimeSource) {
    this.#subject = subject;
    this.#done = done;
    this.#time = time;
    this.#began = time.now();
    const { connection: target, check } = subject;
    this.#arm(check.timeout);
    try {
      this.#connection = new Connection(check.port === null ? target : { ...target, port: check.port }, this);
      this.#connection.send(requestHead(subject), this, {
        hasBody: false,
        bodiless: false,
        upgrade: false,
        // The whole check has a timer; nobody looks at the connection's own deadlines.
        responseTimeout: check.timeout,
        idleTimeout: check.timeout,
      });
    } catch (error) {
      // TLS options that OpenSSL refuses are thrown at once.
      const detail = `no connection: ${error instanceof Error ? error.message : String(error)}`;
      queueMicrotask(() => this.#settle(false, detail));
    }
  }

  cancel(): void {
    this.#over = true;
    this.#close();
  }

  onConnected(): void {}

  onInterim(): void {}

  /** The status alone decides: a redirect is an answer like any other and is not followed (SS-04). */
  onHead(head: ResponseHead): void {
    this.#status = head.status;
    if (!this.#subject.check.status.some(([from, to]) => head.status >= from && head.status <= to)) {
      this.#settle(false, `status ${head.status}`);
    }
  }

  onBody(bytes: Buffer, start: number, end: number, owned: boolean): void {
    if (owned) giveBuffer(bytes);
    this.#received += end - start;
    if (this.#received >= MAX_BODY) this.#settle(true, String(this.#status));
  }

  onPause(): void {}

  onEnd(): void {
    this.#settle(true, String(this.#status));
  }

  onFailure(failure: WireFailure): void {
    this.#settle(false, reasonOf(failure));
  }

  onDrain(): void {}

  /** Not without having been asked for, and a check never asks. */
  onUpgrade(): void {
    this.#settle(false, 'status 101');
  }

  /** Only pools interrupt; the check has its own time. */
  onInterrupted(): void {}

  onIdle(connection: Connection): void {
    connection.destroy();
  }

  onClosed(): void {}

  #arm(ms: number): void {
    this.#due = this.#time.now() + ms;
    this.#cancelTimer = this.#time.after(ms, () => this.#onTime());
  }

  #onTime(): void {
    const { timeout } = this.#subject.check;
    const late = this.#time.now() - this.#due;
    // A reload of many routes may keep this thread for seconds: all checks under way would fail together, though
    // the answers are there, unread. The replica is given back the time that was ours, once.
    if (late > LATE && !this.#extended) {
      this.#extended = true;
      this.#arm(Math.min(late, timeout));
      return;
    }
    if (this.#status !== 0) this.#settle(false, `body not complete within ${timeout} ms`);
    else if (this.#connection?.connected) this.#settle(false, `no answer within ${timeout} ms`);
    else this.#settle(false, `no connection within ${timeout} ms`);
  }

  #settle(ok: boolean, detail: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#close();
    this.#done({ ok, detail, took: this.#time.now() - this.#began });
  }

  #close(): void {
    this.#cancelTimer?.();
    this.#connection?.destroy();
  }
}

function requestHead({ authority, check }: CheckSubject): string {
  // RFC 9110 section 7.2: `Host` names the port that is asked, if it is not the scheme's own.
  const own = check.port === null ? authority : `${authority.replace(/:\d+$/, '')}:${check.port}`;
  return (
    `GET ${check.path} HTTP/1.1\r\nhost: ${check.host ?? own}\r\nuser-agent: parvis-health\r\n` +
    'accept: */*\r\nconnection: close\r\n\r\n'
  );
}

const SYSTEM_REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  EHOSTUNREACH: 'host unreachable',
  ENETUNREACH: 'network unreachable',
  ETIMEDOUT: 'connection timed out',
  ENOTFOUND: 'name not found',
  EAI_AGAIN: 'name lookup failed',
};

function reasonOf({ kind, detail }: WireFailure): string {
  switch (kind) {
    case 'connect-failed':
      return SYSTEM_REASONS[detail] ?? `no connection: ${detail}`;
    case 'reset':
      return detail === 'ECONNRESET' ? 'reset before an answer' : 'closed before an answer';
    case 'malformed':
      return `malformed answer: ${detail}`;
    case 'body-aborted':
      return 'broke off in the body';
    default:
      return `${kind}: ${detail}`;
  }
}
