// Asks the DNS servers in turn: the one that answered last comes first, and one that fails hands over to the next.
// c-ares does so for time-outs only; as Node sets it up, the first SERVFAIL ends the question.
import { promises as dns, NODATA, NOTFOUND } from 'node:dns';

/** Milliseconds a server is given, and how often: DNS over UDP loses packets. */
const TIMEOUT = 1000;
const TRIES = 2;
/** The resolver of libc reads as many from resolv.conf. */
const MOST = 3;

export class DnsServers {
  /** Given by the operator; null for those of the system. */
  readonly #given: readonly string[] | null;
  /** One for each server; empty until the next question. */
  #resolvers: dns.Resolver[] = [];
  /** The one to begin with. */
  #first = 0;
  #closed = false;

  /** @param servers `address:port` each; null takes those of the system */
  constructor(servers: readonly string[] | null) {
    this.#given = servers;
  }

  /**
   * Puts a question until a server answers. That a name does not exist, or has no such record, is an answer.
   * @throws the error of the last server (`code`: 'ESERVFAIL', 'ETIMEOUT', 'ENOTFOUND', …)
   */
  async ask<T>(question: (resolver: dns.Resolver) => Promise<T>): Promise<T> {
    if (this.#closed) throw Object.assign(new Error('closed'), { code: 'ECANCELLED' });
    if (this.#resolvers.length === 0) this.#open();
    const resolvers = this.#resolvers;
    const first = this.#first;
    for (let turn = 0; ; turn++) {
      const at = (first + turn) % resolvers.length;
      try {
        const answer = await question(resolvers[at]!);
        this.#first = at;
        return answer;
      } catch (error) {
        if (isNegative(error)) this.#first = at;
        else if (turn + 1 < resolvers.length && !this.#closed) continue;
        // The system may have been given other servers meanwhile; c-ares reads its files only once.
        else if (this.#given === null && this.#resolvers === resolvers) this.#resolvers = [];
        throw error;
      }
    }
  }

  /** Ends every question under way with an error. */
  close(): void {
    this.#closed = true;
    for (const resolver of this.#resolvers) resolver.cancel();
  }

  #open(): void {
    const servers = this.#given ?? new dns.Resolver().getServers().slice(0, MOST);
    this.#resolvers = servers.map((server) => {
      const resolver = new dns.Resolver({ timeout: TIMEOUT, tries: TRIES, maxTimeout: TIMEOUT });
      resolver.setServers([server]);
      return resolver;
    });
    this.#first = 0;
  }
}

/** The answer was: there is no such name, or no such record of it. */
export function isNegative(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === NOTFOUND || code === NODATA;
}
