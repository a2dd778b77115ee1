// Lenient, streaming HTTP/1.1 request reader: what a recording replica makes of the bytes it is sent.
// It accepts sloppy input on purpose, so that a gateway that forwards some is caught by what was recorded.

export interface RecordedRequest {
  /** Which connection it came on, counted from 0. */
  connection: number;
  /** Request line and header lines, latin1, without the empty line. */
  head: string;
  method: string;
  target: string;
  version: string;
  /** As on the wire: name, value, name, value. */
  headers: string[];
  framing: 'none' | 'length' | 'chunked';
  /** Without its framing, as far as it was kept. */
  body: Buffer;
  /** Size of the whole body, kept or not. */
  bodySize: number;
  /** After a chunked body, as `headers`. */
  trailers: string[];
  /** False while the body is on its way, and for ever when the sender broke off. */
  complete: boolean;
}

interface Listener {
  head(request: RecordedRequest): void;
  end(request: RecordedRequest): void;
}

type State = 'head' | 'length' | 'chunk-size' | 'chunk-data' | 'chunk-end' | 'trailers';

export class RequestReader {
  readonly #connection: number;
  readonly #keep: number;
  readonly #listener: Listener;
  #state: State = 'head';
  #buffer: Buffer = Buffer.alloc(0);
  #left = 0;
  #request: RecordedRequest | undefined;
  #kept: Buffer[] = [];

  /** `keep` is how many bytes of each body are kept. */
  constructor(connection: number, keep: number, listener: Listener) {
    this.#connection = connection;
    this.#keep = keep;
    this.#listener = listener;
  }

  push(bytes: Buffer): void {
    this.#buffer = this.#buffer.length === 0 ? bytes : Buffer.concat([this.#buffer, bytes]);
    while (this.#step()) {
      // Each step takes one head, one piece of a body or one line.
    }
  }

  /** True when something happened and there may be more to do. */
  #step(): boolean {
    switch (this.#state) {
      case 'head': {
        // Empty lines before a request are skipped (RFC 9112 section 2.2).
        while (this.#buffer[0] === 0x0d || this.#buffer[0] === 0x0a) this.#buffer = this.#buffer.subarray(1);
        const head = this.#takeUntil('\r\n\r\n');
        if (head === undefined) return false;
        this.#startRequest(head);
        return true;
      }
      case 'length':
      case 'chunk-data': {
        if (this.#left > 0 && this.#buffer.length === 0) return false;
        const piece = this.#buffer.subarray(0, this.#left);
        this.#buffer = this.#buffer.subarray(piece.length);
        this.#left -= piece.length;
        this.#addBody(piece);
        if (this.#left > 0) return false;
        if (this.#state === 'length') this.#endRequest();
        else this.#state = 'chunk-end';
        return true;
      }
      case 'chunk-end': {
        if (this.#buffer.length < 2) return false;
        this.#buffer = this.#buffer.subarray(2);
        this.#state = 'chunk-size';
        return true;
      }
      case 'chunk-size': {
        const line = this.#takeUntil('\r\n');
        if (line === undefined) return false;
        this.#left = Number.parseInt(line, 16) || 0;
        this.#state = this.#left === 0 ? 'trailers' : 'chunk-data';
        return true;
      }
      case 'trailers': {
        const line = this.#takeUntil('\r\n');
        if (line === undefined) return false;
        if (line === '') this.#endRequest();
        else this.#request!.trailers.push(...splitField(line));
        return true;
      }
    }
  }

  #startRequest(head: string): void {
    const [requestLine = '', ...lines] = head.split('\r\n');
    const [method = '', target = '', version = ''] = requestLine.split(' ');
    const headers = lines.flatMap(splitField);
    const request: RecordedRequest = {
      connection: this.#connection,
      head,
      method,
      target,
      version,
      headers,
      framing: 'none',
      body: Buffer.alloc(0),
      bodySize: 0,
      trailers: [],
      complete: false,
    };
    this.#request = request;
    this.#kept = [];
    const values = (name: string) =>
      headers.filter((_, i) => headers[i - 1]?.toLowerCase() === name && i % 2);
    const length = values('content-length')[0];
    if (values('transfer-encoding').length > 0) {
      request.framing = 'chunked';
      this.#state = 'chunk-size';
    } else if (length !== undefined) {
      request.framing = 'length';
      this.#left = Number.parseInt(length, 10) || 0;
      this.#state = 'length';
    }
    this.#listener.head(request);
    if (request.framing === 'none') this.#endRequest();
  }

  #addBody(piece: Buffer): void {
    const request = this.#request!;
    if (request.bodySize < this.#keep) this.#kept.push(piece.subarray(0, this.#keep - request.bodySize));
    request.bodySize += piece.length;
  }

  #endRequest(): void {
    const request = this.#request!;
    request.body = Buffer.concat(this.#kept);
    request.complete = true;
    this.#kept = [];
    this.#state = 'head';
    this.#listener.end(request);
  }

  #takeUntil(mark: string): string | undefined {
    const at = this.#buffer.indexOf(mark, 0, 'latin1');
    if (at === -1) return undefined;
    const text = this.#buffer.toString('latin1', 0, at);
    this.#buffer = this.#buffer.subarray(at + mark.length);
    return text;
  }
}

function splitField(line: string): string[] {
  const colon = line.indexOf(':');
  return colon === -1 ? [line, ''] : [line.slice(0, colon), line.slice(colon + 1).trim()];
}
