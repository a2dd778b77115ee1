// Where a redirect may point. A target is fixed text, sent in `Location`: nothing in it may let a client reach
// another site than the one written here.

import { hostNameProblem } from './names.ts';
import { pathProblem } from './path-pattern.ts';

/** What is wrong with a target (`'/docs/'`, `'/new/*'`, `'https://b.com/*'`), or undefined. */
export function redirectTargetProblem(to: string): string | undefined {
  if (!/^[\x21-\x7e]+$/.test(to)) {
    return `${JSON.stringify(to)} must be ASCII without spaces; percent-encode everything else`;
  }
  if (to.includes('\\')) return 'must not hold a backslash';
  const keepsRest = to.endsWith('/*');
  const target = keepsRest ? to.slice(0, -1) : to;
  if (keepsRest && /[?#]/.test(to)) return 'cannot keep the rest of the path behind "?" or "#"';
  const scheme = /^(https?):\/\//.exec(target);
  if (scheme === null && !target.startsWith('/')) {
    return `${JSON.stringify(to)} is neither a path ("/docs/") nor a full URL ("https://example.com/docs/")`;
  }
  // "//b.com" is a link to another site that looks like a path.
  if (scheme === null && target.startsWith('//')) return 'must not start with "//"; write the full URL';
  const rest = scheme === null ? target : target.slice(scheme[0].length);
  const path = /^[^?#]*/.exec(rest)![0];
  if (path.includes('*')) return '"*" can only stand at the end, as in "/new/*"';
  if (scheme === null) return pathProblem(path);
  const slash = path.indexOf('/');
  const authority = slash === -1 ? path : path.slice(0, slash);
  const port = /:(\d+)$/.exec(authority);
  if (authority.includes('@')) return 'must not carry a user name or password';
  if (port !== null && (port[1]!.length > 5 || Number(port[1]) > 65535 || Number(port[1]) === 0)) {
    return `"${port[1]}" is not a port (1 to 65535)`;
  }
  const wrong = hostNameProblem(port === null ? authority : authority.slice(0, port.index), false);
  if (wrong !== undefined) return `host ${JSON.stringify(authority)}: ${wrong}`;
  return undefined;
}
