// What is known of a client connection, worked out once when it is accepted: who the peer is, whether its word
// on forwarded fields is taken, and the lines that tell replicas about it.
import type { IncomingHttpHeaders } from 'node:http';
import type { Socket } from 'node:net';
import type { Networks } from '../routing/networks.ts';
import { type ForwardedFacts, forwardedNode, readForwarded, unmapped } from './client-address.ts';

export class ClientConnection {
  /** Address of the peer, IPv4-mapped IPv6 unwrapped; '' if the socket was gone before it could be read. */
  readonly address: string;
  /** The peer is one of `trustedProxies`: its forwarded fields are believed. */
  readonly trusted: boolean;
  /** TLS ended here. */
  readonly secure: boolean;
  /** `x-forwarded-for`, `x-real-ip` and `x-forwarded-proto` lines for an untrusted peer, with their CRLF. */
  readonly forwardedLines: string;
  /** `for=…;proto=…;host=` for `Forwarded`, likewise. */
  readonly forwardedElement: string;
  readonly #isTrusted: (address: string) => boolean;

  constructor(socket: Socket, secure: boolean, proxies: Networks) {
    // Undefined when the peer was gone before we looked.
    this.address = unmapped(socket.remoteAddress ?? '');
    this.trusted = proxies.has(this.address);
    this.secure = secure;
    this.#isTrusted = proxies.has;
    const proto = secure ? 'https' : 'http';
    const known =
      this.address === '' ? '' : `x-forwarded-for: ${this.address}\r\nx-real-ip: ${this.address}\r\n`;
    this.forwardedLines = `${known}x-forwarded-proto: ${proto}\r\n`;
    this.forwardedElement = `for=${forwardedNode(this.address)};proto=${proto};host=`;
  }

  /** What a trusted peer says of the client behind it. */
  forwarded(headers: IncomingHttpHeaders): ForwardedFacts {
    return readForwarded(headers, this.address, this.#isTrusted);
  }
}
