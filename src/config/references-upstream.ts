// What is doubtful or wrong about upstreams beyond the shape of their fields: files of certificates, checks that ask
// the wrong thing, settings that undo each other. Takes any data, because it also runs on a file with mistakes.
import type { Disk } from './disk.ts';
import { sharedDependency } from './health-path.ts';
import { parseReplica, parseSrv } from './names.ts';
import { type Finding, keyPath, type PathSegment } from './problem.ts';
import type { References } from './references.ts';
import { type Fields, listOf, objectOf, textOf } from './untyped.ts';

/** Every problem and warning of these upstreams. */
export function checkUpstreams(upstreams: Fields, disk: Disk): References {
  const problems: Finding[] = [];
  const warnings: Finding[] = [];
  const cookies = new Map<string, PathSegment[]>();
  for (const [name, value] of Object.entries(upstreams)) {
    const upstream = objectOf(value);
    const path = ['upstreams', name];
    problems.push(...certificateProblems(path, upstream, disk));
    warnings.push(...replicaWarnings(path, upstream), ...tlsWarnings(path, upstream));
    warnings.push(...healthWarnings(path, name, upstream), ...stickyWarnings(path, upstream, cookies));
  }
  return { problems, warnings };
}

function* certificateProblems(path: PathSegment[], { tls }: Fields, disk: Disk): Generator<Finding> {
  const { ca } = objectOf(tls);
  if (typeof ca !== 'string') return;
  const result = disk.certificates(ca);
  if ('problem' in result) yield { path: [...path, 'tls', 'ca'], message: result.problem };
}

function* tlsWarnings(path: PathSegment[], { tls, replicas }: Fields): Generator<Finding> {
  if (objectOf(tls).verify === false) {
    yield { path: [...path, 'tls', 'verify'], message: 'any certificate is accepted' };
  }
  if (tls !== undefined && !listOf(replicas).some(mayBeSecure)) {
    yield { path: [...path, 'tls'], message: 'has no effect: no replica starts with "https://"' };
  }
}

/** What cannot be read is reported elsewhere. */
function mayBeSecure(replica: unknown): boolean {
  const { url, srv, scheme } = objectOf(replica);
  if (srv !== undefined) return scheme === 'https';
  const address = textOf(replica) ?? textOf(url);
  return address === undefined || address.startsWith('https:');
}

function* replicaWarnings(path: PathSegment[], { replicas }: Fields): Generator<Finding> {
  const entries = listOf(replicas);
  if (entries.length > 0 && entries.every((entry) => objectOf(entry).backup === true)) {
    yield { path: [...path, 'replicas'], message: 'every replica is a backup, so that none of them is' };
  }
}

function* healthWarnings(path: PathSegment[], name: string, upstream: Fields): Generator<Finding> {
  const { health, replicas } = upstream;
  const asked = textOf(health) ?? textOf(objectOf(health).path);
  const shared = asked === undefined ? undefined : sharedDependency(asked, [name, ...hostsOf(replicas)]);
  if (shared === undefined) return;
  const message =
    `asks for a dependency ("${shared.segment}"): one blip of it would take every replica out at once. ` +
    `Ask whether the replica itself lives, such as "${shared.instead}"`;
  yield { path: typeof health === 'string' ? [...path, 'health'] : [...path, 'health', 'path'], message };
}

function hostsOf(replicas: unknown): string[] {
  return listOf(replicas).flatMap((entry) => {
    const { url, srv } = objectOf(entry);
    const address = textOf(entry) ?? textOf(url);
    const found = address === undefined ? parseSrv(textOf(srv) ?? '') : parseReplica(address);
    return typeof found === 'string' ? [] : [found.host];
  });
}

function* stickyWarnings(
  path: PathSegment[],
  { sticky }: Fields,
  cookies: Map<string, PathSegment[]>,
): Generator<Finding> {
  const cookie = textOf(objectOf(sticky).cookie);
  if (cookie === undefined) return;
  const at = [...path, 'sticky', 'cookie'];
  const earlier = cookies.get(cookie);
  if (earlier === undefined) cookies.set(cookie, at);
  else {
    const message = `is also ${keyPath(earlier)}: a client of both would lose its replica at every change`;
    yield { path: at, message };
  }
  // RFC 6265bis section 4.1.3.
  if (/^__(?:Host|Secure)-/i.test(cookie)) {
    yield { path: at, message: 'begins in a way that browsers accept on secure exchanges only' };
  }
}
