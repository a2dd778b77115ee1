// Statuses that pass a health check, the paths it may ask, and those it had better not.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { healthPathProblem, sharedDependency } from '../../src/config/health-path.ts';
import { parseStatuses } from '../../src/config/status-ranges.ts';

test('statuses become ranges with both ends', () => {
  const ranges: Record<string, [number, number][]> = {
    '200': [[200, 200]],
    '2xx': [[200, 299]],
    '2XX': [[200, 299]],
    '2xx-3xx': [[200, 399]],
    '200-204': [[200, 204]],
    '204-3xx': [[204, 399]],
    '2xx,404': [
      [200, 299],
      [404, 404],
    ],
    '200, 301-302, 5xx': [
      [200, 200],
      [301, 302],
      [500, 599],
    ],
  };
  for (const [text, expected] of Object.entries(ranges))
    assert.deepEqual(parseStatuses(text), expected, text);
});

test('statuses that are none say what would work', () => {
  for (const text of [
    '',
    '2',
    '20x',
    'x00',
    '2xx-',
    '-2xx',
    '200-201-202',
    '2xx;3xx',
    '2xx,',
    'ok',
    '2000',
  ]) {
    const example = 'write, say, "200", "2xx", "2xx-3xx", "200-204", or several with commas: "2xx,404"';
    assert.equal(parseStatuses(text), `${JSON.stringify(text)} is not a list of statuses; ${example}`);
  }
  for (const text of ['1xx', '100', '199-200', '6xx', '2xx-6xx', '600', '999'])
    assert.match(parseStatuses(text) as string, /is not the status of an answer \(200 to 599\); write/, text);
  for (const text of ['3xx-2xx', '204-200', '2xx,500-499'])
    assert.match(parseStatuses(text) as string, /ends before it begins; write/, text);
});

test('a path may have a query', () => {
  for (const path of ['/', '/health', '/health.json', '/health?full=1&x=%20', '/health?', '/a?b?c'])
    assert.equal(healthPathProblem(path), undefined, path);
  const wrong: Record<string, RegExp> = {
    '': /is empty; a path starts with "\/"/,
    health: /must start with "\/"/,
    '?x': /is empty/,
    '/a//b?x': /must not hold "\/\/"/,
    '/../x': /segments "\." and "\.\."/,
    '/health#top': /must not hold "\?" or "#"/,
    '/health?x#top': /must not hold "#"; a fragment is never sent/,
    '/health?a b': /characters that must be percent-encoded/,
    '/health?x\r\nX-A: b': /characters that must be percent-encoded/,
    '/health?é': /characters that must be percent-encoded/,
    '/%68ealth': /cannot be told apart from "\/health"/,
  };
  for (const [path, expected] of Object.entries(wrong))
    assert.match(healthPathProblem(path)!, expected, path);
});

test('a check that asks for what all replicas share is seen', () => {
  const shared: Record<string, [segment: string, instead: string]> = {
    '/api/health/db': ['db', '/api/health'],
    '/api/db/health': ['db', '/api/health'],
    '/api/redis/health': ['redis', '/api/health'],
    '/api/health/DB?x=1': ['DB', '/api/health'],
    '/health/postgres': ['postgres', '/health'],
    '/health/mongodb': ['mongodb', '/health'],
    '/actuator/health/redis': ['redis', '/actuator/health'],
    '/health-db': ['health-db', '/'],
    '/api/db_status': ['db_status', '/api'],
    '/dbcheck': ['dbcheck', '/'],
    '/api/health/minio': ['minio', '/api/health'],
    '/minio': ['minio', '/'],
    '/cache/ping': ['cache', '/ping'],
  };
  for (const [path, [segment, instead]] of Object.entries(shared))
    assert.deepEqual(sharedDependency(path, ['api', 'api-1']), { segment, instead }, path);
});

test('a check of the replica itself is left alone', () => {
  for (const path of [
    '/',
    '/health',
    '/api/health',
    '/health.json',
    '/healthz',
    '/ready',
    '/debug/live',
    '/dba',
  ])
    assert.equal(sharedDependency(path, ['api']), undefined, path);
  // A store is asked how it is itself, and MinIO's own path is known by its name.
  assert.equal(sharedDependency('/redis/ping', ['sessions', 'redis-1']), undefined);
  assert.equal(sharedDependency('/health/elasticsearch', ['ElasticSearch']), undefined);
  assert.equal(sharedDependency('/minio/health/live', ['files', 'store-1']), undefined);
});
