// Cookies that bring a client back to the replica that it had. Their value names a replica to us and tells nobody
// else anything: neither addresses nor how many there are can be read from it, and none can be made up. Whether
// the replica may still be asked is decided by others.
import { createHmac } from 'node:crypto';
import type { Candidate } from './balancer.ts';
import { findCookie, isCookieValue } from './cookie-value.ts';

/** Characters of a token: 132 bits. */
const TOKEN_LENGTH = 22;

/** What is made once for each replica. */
interface Mark {
  readonly token: string;
  readonly plain: string;
  readonly secure: string;
}

export class Sticky {
  readonly #cookie: string;
  readonly #secret: string;
  readonly #upstream: string;
  readonly #marks = new Map<number, Mark>();

  /**
   * @param cookie name of the cookie
   * @param secret the same in all workers; where clients shall find back after a restart, from the config
   * @param upstream its name, so that a token of one upstream is none of another
   */
  constructor(cookie: string, secret: string, upstream: string) {
    this.#cookie = cookie;
    this.#secret = secret;
    this.#upstream = upstream;
  }

  /** The same for the same address, also after it was away. */
  tokenOf(candidate: Candidate): string {
    return this.#markOf(candidate).token;
  }

  /**
   * The replica that the client's cookie names, among the first `count` of `candidates`; null without the cookie,
   * or if it names none of them. Of several cookies of the name the first counts: it has the longest path (RFC 6265
   * section 5.4).
   *
   * The comparison takes longer the more characters are right. What could be learned that way is a token, which
   * everybody is given who asks for a page, and which does nothing but choose a replica.
   */
  find<C extends Candidate>(
    field: string | undefined,
    candidates: readonly C[],
    count = candidates.length,
  ): C | null {
    if (field === undefined) return null;
    const start = findCookie(field, this.#cookie);
    if (start === -1) return null;
    for (let i = 0; i < count; i++) {
      const candidate = candidates[i]!;
      if (isCookieValue(field, start, this.#markOf(candidate).token)) return candidate;
    }
    return null;
  }

  /**
   * Value of the `Set-Cookie` field for a client that was given this replica. Without an expiry: it ends with the
   * session of the browser.
   * @param secure the client speaks TLS
   */
  setCookie(candidate: Candidate, secure: boolean): string {
    const mark = this.#markOf(candidate);
    return secure ? mark.secure : mark.plain;
  }

  /** Takes the replicas that there are from now on, and forgets all others. */
  update(candidates: readonly Candidate[]): void {
    const ids = new Set(candidates.map(({ id }) => id));
    for (const id of this.#marks.keys()) if (!ids.has(id)) this.#marks.delete(id);
    // Now, and not in the middle of an exchange.
    for (const candidate of candidates) this.#markOf(candidate);
  }

  #markOf(candidate: Candidate): Mark {
    let mark = this.#marks.get(candidate.id);
    if (mark === undefined) this.#marks.set(candidate.id, (mark = this.#make(candidate)));
    return mark;
  }

  #make({ url }: Candidate): Mark {
    const hmac = createHmac('sha256', this.#secret).update(`${this.#upstream}\n${url}`);
    const token = hmac.digest('base64url').slice(0, TOKEN_LENGTH);
    const plain = `${this.#cookie}=${token}; Path=/; HttpOnly; SameSite=Lax`;
    return { token, plain, secure: `${plain}; Secure` };
  }
}
