// Writes the body of a request to a socket, framed or as it is, and gives its memory back once the kernel has it.
import type { Socket } from 'node:net';
import { UnsentChunks } from './unsent-chunks.ts';

export class BodyWriter {
  readonly #socket: Socket;
  readonly #unsent = new UnsentChunks();

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Writes a piece; false asks to wait until the socket has drained. See `Connection.write`. */
  write(piece: Buffer, owned: boolean, framed: boolean): boolean {
    const socket = this.#socket;
    const chunk = this.#unsent.take(piece, owned);
    if (!framed) socket.write(chunk);
    else {
      socket.cork();
      socket.write(`${chunk.length.toString(16)}\r\n`, 'latin1');
      socket.write(chunk);
      socket.write('\r\n', 'latin1');
      socket.uncork();
    }
    // Mostly the kernel has taken the bytes by now.
    if (socket.writableLength === 0) this.#unsent.release();
    return !socket.writableNeedDrain;
  }

  /** Nothing is queued any more. */
  drained(): void {
    this.#unsent.release();
  }

  /** The socket is gone. */
  forget(): void {
    this.#unsent.forget();
  }
}
