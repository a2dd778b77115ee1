// Which paths a health check may ask, and which of them ask the wrong thing: a check must say whether this replica
// lives, not whether what all replicas share does.
import { pathProblem } from './path-pattern.ts';

/** What is wrong with the path of a check, which may have a query, or undefined. */
export function healthPathProblem(text: string): string | undefined {
  const query = text.indexOf('?');
  const wrong = pathProblem(query === -1 ? text : text.slice(0, query));
  if (wrong !== undefined || query === -1) return wrong;
  if (text.includes('#')) return 'must not hold "#"; a fragment is never sent';
  return /^[\x21-\x7e]*$/.test(text.slice(query))
    ? undefined
    : 'has a query with characters that must be percent-encoded';
}

/** What replicas of one service usually share. */
const SHARED = [
  ...[
    'db',
    'dbs',
    'database',
    'databases',
    'sql',
    'mysql',
    'mariadb',
    'postgres',
    'postgresql',
    'pg',
    'mssql',
  ],
  ...[
    'mongo',
    'mongodb',
    'prisma',
    'redis',
    'valkey',
    'memcached',
    'memcache',
    'cache',
    'elastic',
    'opensearch',
  ],
  ...[
    'elasticsearch',
    'kafka',
    'rabbitmq',
    'amqp',
    'queue',
    'broker',
    'minio',
    's3',
    'storage',
    'ldap',
    'smtp',
  ],
  ...['mail', 'stripe', 'dependencies', 'deps'],
];
const ABOUT = 'health|healthz|check|healthcheck|status|ping|ready|live';
/** A whole segment: `db`, `health-db`, `redis_health`, `dbcheck`. */
const SHARED_SEGMENT = new RegExp(
  `^(?:(?:${ABOUT})[-_.]?)?(${SHARED.join('|')})(?:[-_.]?(?:${ABOUT}))?$`,
  'i',
);

export interface SharedDependency {
  /** The segment that names it. */
  segment: string;
  /** The path without that segment: probably the one that should be asked. */
  instead: string;
}

/**
 * The dependency that a check asks for instead of the replica itself, or undefined.
 * @param own names of the upstream and its replicas: a Redis may well be asked how Redis is
 */
export function sharedDependency(path: string, own: readonly string[]): SharedDependency | undefined {
  const segments = path.replace(/\?.*$/s, '').split('/').slice(1);
  for (const [index, segment] of segments.entries()) {
    const word = SHARED_SEGMENT.exec(segment)?.[1]?.toLowerCase();
    if (word === undefined || own.some((name) => name.toLowerCase().includes(word))) continue;
    // MinIO's own path, whatever the service is called.
    if (index === 0 && word === 'minio' && segments[1] === 'health') continue;
    return { segment, instead: `/${segments.filter((_, other) => other !== index).join('/')}` };
  }
  return undefined;
}
