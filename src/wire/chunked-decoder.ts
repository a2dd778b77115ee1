// Decodes the chunked transfer coding (RFC 9112 section 7.1) without copying: it hands out ranges of the
// buffer it was given. Strict: CRLF only, plain hex sizes, bounded extensions and trailers.
import { MalformedMessage } from './malformed-message.ts';
import { TOKEN, VALUE } from './message-syntax.ts';
import { parseTrailers } from './response-head.ts';

/** Longest chunk-size line and longest trailer section, in bytes. */
const MAX_SIZE_LINE = 1024;
const MAX_TRAILERS = 16 * 1024;

type State = 'size' | 'extension' | 'size-lf' | 'data' | 'data-cr' | 'data-lf' | 'trailers' | 'done';

export class ChunkedDecoder {
  /** Fields of the trailer section, once `done`. */
  trailers: string[] = [];
  #state: State = 'size';
  #digits = 0;
  #lineLength = 0;
  #remaining = 0;
  /** Inside a quoted value of a chunk extension. */
  #quoted = false;
  #trailerBytes: Buffer | null = null;

  get done(): boolean {
    return this.#state === 'done';
  }

  /**
   * Decodes from `start` up to `end`, giving each piece of body to `onData(start, end)`. Returns where it
   * stopped: `end`, or less when the body is complete.
   * @throws MalformedMessage
   */
  decode(bytes: Buffer, start: number, end: number, onData: (start: number, end: number) => void): number {
    let at = start;
    while (at < end) {
      switch (this.#state) {
        case 'size':
          this.#readSizeByte(bytes[at++]!);
          break;
        case 'extension':
          this.#readExtensionByte(bytes[at++]!);
          break;
        case 'size-lf':
          if (bytes[at++] !== 0x0a) throw new MalformedMessage('a chunk size does not end with CRLF');
          this.#state = this.#remaining === 0 ? 'trailers' : 'data';
          break;
        case 'data': {
          const take = Math.min(this.#remaining, end - at);
          onData(at, at + take);
          at += take;
          this.#remaining -= take;
          if (this.#remaining === 0) this.#state = 'data-cr';
          break;
        }
        case 'data-cr':
          if (bytes[at++] !== 0x0d) throw new MalformedMessage('chunk data is longer than its size');
          this.#state = 'data-lf';
          break;
        case 'data-lf':
          if (bytes[at++] !== 0x0a) throw new MalformedMessage('chunk data does not end with CRLF');
          this.#startSize();
          break;
        case 'trailers':
          at = this.#readTrailers(bytes, at, end);
          break;
        case 'done':
          return at;
      }
    }
    return at;
  }

  #startSize(): void {
    this.#state = 'size';
    this.#digits = 0;
    this.#lineLength = 0;
    this.#remaining = 0;
  }

  #readSizeByte(byte: number): void {
    const digit = hexValue(byte);
    if (digit !== -1) {
      // 12 digits are 256 TiB and still an exact number; anything longer is an overflow attempt.
      if (++this.#digits > 12) throw new MalformedMessage('a chunk size is too large');
      this.#remaining = this.#remaining * 16 + digit;
      return;
    }
    if (this.#digits === 0) throw new MalformedMessage('a chunk size is not a hex number');
    if (byte === 0x0d) this.#state = 'size-lf';
    else if (byte === 0x3b) this.#state = 'extension';
    else throw new MalformedMessage('a chunk size is not a hex number');
  }

  #readExtensionByte(byte: number): void {
    if (byte === 0x0d && !this.#quoted) this.#state = 'size-lf';
    else if (VALUE[byte] !== 1 || ++this.#lineLength > MAX_SIZE_LINE) {
      throw new MalformedMessage('a chunk extension is malformed or too long');
    } else if (byte === 0x22) this.#quoted = !this.#quoted;
    // Who reads quoted strings would look for the end of the line elsewhere; escapes are refused for that as well.
    else if (this.#quoted ? byte === 0x5c : TOKEN[byte] !== 1 && !isExtensionMark(byte)) {
      throw new MalformedMessage('a chunk extension is malformed');
    }
  }

  /** Collects the trailer section; usually that is the two bytes of an empty line. */
  #readTrailers(bytes: Buffer, start: number, end: number): number {
    if (
      this.#trailerBytes === null &&
      end - start >= 2 &&
      bytes[start] === 0x0d &&
      bytes[start + 1] === 0x0a
    ) {
      this.#state = 'done';
      return start + 2;
    }
    const before = this.#trailerBytes?.length ?? 0;
    const held = Buffer.concat([this.#trailerBytes ?? Buffer.alloc(0), bytes.subarray(start, end)]);
    const size = emptyLineAt(held);
    if (size === -1) {
      if (held.length >= MAX_TRAILERS) throw new MalformedMessage('the trailer section is too long');
      this.#trailerBytes = held;
      return end;
    }
    // The same answer however the section arrives: in one read, or byte by byte.
    if (size + 2 > MAX_TRAILERS) throw new MalformedMessage('the trailer section is too long');
    this.trailers = parseTrailers(held, 0, size);
    this.#trailerBytes = null;
    this.#state = 'done';
    return start + size + 2 - before;
  }
}

/** Where the empty line that ends a trailer section begins, or -1. */
function emptyLineAt(bytes: Buffer): number {
  if (bytes.length >= 2 && bytes[0] === 0x0d && bytes[1] === 0x0a) return 0;
  const at = bytes.indexOf('\r\n\r\n', 0, 'latin1');
  return at === -1 ? -1 : at + 2;
}

/** `;`, `=` and the blanks around them (RFC 9112 section 7.1.1). */
function isExtensionMark(byte: number): boolean {
  return byte === 0x3b || byte === 0x3d || byte === 0x20 || byte === 0x09;
}

function hexValue(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}
