// Host grammar: turns the value of `Host` (or of an absolute-form target) into a lower-case name and a port,
// or refuses it. ASCII only; no percent-decoding, no Unicode folding, no guessing (RFC 9110 section 7.2).

export interface Authority {
  /** Lower case without a trailing dot; IPv6 literals keep their brackets. */
  readonly host: string;
  /** Digits, or '' when no port was named. */
  readonly port: string;
}

/** Parses `name`, `name:port`, `1.2.3.4:port` or `[ipv6]:port`; null when it is none of these. Linear time. */
export function parseAuthority(value: string): Authority | null {
  if (value.length === 0 || value.length > 262) return null;
  if (value.charCodeAt(0) === 0x5b) return parseLiteral(value);
  let label = 0;
  let upper = false;
  let end = value.length;
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if ((code >= 0x61 && code <= 0x7a) || (code >= 0x30 && code <= 0x39)) label++;
    else if (code >= 0x41 && code <= 0x5a) {
      upper = true;
      label++;
    } else if (code === 0x2d || code === 0x5f) {
      // `-` and `_` may not begin a label; `_` is not a host name in DNS, but Compose service names use it.
      if (label === 0) return null;
      label++;
    } else if (code === 0x2e) {
      if (label === 0) return null;
      label = 0;
    } else if (code === 0x3a) {
      end = i;
      break;
    } else return null;
    if (label > 63) return null;
  }
  // One trailing dot is the fully qualified spelling of the same name; `a..` was refused above.
  const nameEnd = label === 0 ? end - 1 : end;
  if (nameEnd <= 0 || nameEnd > 253) return null;
  const port = end === value.length ? '' : parsePort(value, end + 1);
  if (port === null) return null;
  const name = nameEnd === value.length ? value : value.slice(0, nameEnd);
  return { host: upper ? name.toLowerCase() : name, port };
}

function parseLiteral(value: string): Authority | null {
  const close = value.indexOf(']');
  // Zone identifiers (`%25eth0`) mean something to one machine only and are refused.
  if (close < 3 || !/^\[[0-9a-fA-F:.]+\]$/.test(value.slice(0, close + 1))) return null;
  if (!URL.canParse(`http://${value.slice(0, close + 1)}/`)) return null;
  if (close === value.length - 1) return { host: value.toLowerCase(), port: '' };
  if (value.charCodeAt(close + 1) !== 0x3a) return null;
  const port = parsePort(value, close + 2);
  return port === null ? null : { host: value.slice(0, close + 1).toLowerCase(), port };
}

/** Digits from `start` to the end, 1 to 65535; null otherwise, also when there are none. */
function parsePort(value: string, start: number): string | null {
  const length = value.length - start;
  if (length === 0 || length > 5) return null;
  let port = 0;
  for (let i = start; i < value.length; i++) {
    const digit = value.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return null;
    port = port * 10 + digit;
  }
  return port >= 1 && port <= 65535 ? String(port) : null;
}
