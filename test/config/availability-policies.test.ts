// Maintenance, holding and retries as policies: what is refused, what comes out, and how a route's win over its
// host's.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { PolicyConfig } from '../../src/config/contract.ts';
import { formatProblem } from '../../src/config/problem.ts';
import { resolveConfig } from '../../src/config/resolve.ts';
import type { ResolvedConfig, ResolvedPolicies } from '../../src/config/resolved.ts';
import { config, host, policy, warnings } from './problem-lines.ts';

const dir = mkdtempSync(join(tmpdir(), 'parvis-availability-'));
after(() => rmSync(dir, { recursive: true, force: true }));

const PAGE = '<!doctype html><title>Back soon</title><p>Bientôt';
writeFileSync(join(dir, 'page.html'), PAGE);

function resolved(plain: unknown): ResolvedConfig {
  const result = resolveConfig(plain, { baseDir: dir });
  assert.deepEqual(result.problems, []);
  return result.config!;
}

/** The policies of a route below a host with policies of its own. */
function merged(host: PolicyConfig, route: PolicyConfig): ResolvedPolicies {
  const { policies, hosts } = resolved(
    config({ hosts: { 'a.com': { policies: host, routes: { '/*': { proxy: 'api', ...route } } } } }),
  );
  return policies[hosts[0]!.routes[0]!.policies]!;
}

const accepts = (fields: object) => assert.deepEqual(policy(fields), [], JSON.stringify(fields));

/** The same on a route and on a host: exactly this problem. */
function refuses(table: [fields: object, expected: string | RegExp][]): void {
  for (const [fields, expected] of table) {
    const onHost = host({ policies: fields }).map((line) => line.replace('hosts["a.com"].policies.', ''));
    for (const found of [policy(fields), onHost]) {
      assert.equal(found.length, 1, `${JSON.stringify(fields)} → ${found.join('\n')}`);
      if (typeof expected === 'string') assert.equal(found[0], expected);
      else assert.match(found[0]!, expected);
    }
  }
}

test('maintenance is true, false, or a page with conditions', () => {
  accepts({ maintenance: true });
  accepts({ maintenance: false });
  accepts({ maintenance: {} });
  accepts({ maintenance: { retryAfter: '365d', allow: ['10.0.0.0/8', '192.0.2.7', 'fd00::/8'] } });
  const what = 'expected true, false, or { page, retryAfter, allow }, got';
  const everybody = 'would serve everybody; list only the networks of those who test';
  refuses([
    [{ maintenance: 'yes' }, `maintenance: ${what} "yes"`],
    [{ maintenance: 1 }, `maintenance: ${what} 1`],
    [{ maintenance: { page: '' } }, 'maintenance.page: is empty; expected an HTML file'],
    [{ maintenance: { page: 5 } }, 'maintenance.page: expected an HTML file, got 5'],
    [{ maintenance: { retryAfter: '0s' } }, /^maintenance\.retryAfter: "0s" leaves no time at all/],
    [{ maintenance: { retryAfter: 600 } }, /^maintenance\.retryAfter: 600 has no unit; .* such as "5m"$/],
    [
      { maintenance: { allow: '10.0.0.0/8' } },
      'maintenance.allow: expected a list of networks such as ["10.0.0.0/8"], got "10.0.0.0/8"',
    ],
    [{ maintenance: { allow: ['office'] } }, /^maintenance\.allow\[0\]: "office" is not a network/],
    [{ maintenance: { allow: ['0.0.0.0/0'] } }, `maintenance.allow[0]: "0.0.0.0/0" ${everybody}`],
    [{ maintenance: { allow: ['::/0'] } }, `maintenance.allow[0]: "::/0" ${everybody}`],
    [{ maintenance: { allow: ['::1', '::1'] } }, 'maintenance.allow[1]: repeats item [0]'],
    [
      { maintenance: { status: 503 } },
      /^maintenance\.status: unknown field\. Known: page, retryAfter, allow\./,
    ],
  ]);
});

test('the page of a maintenance is read, and must be one', () => {
  mkdirSync(join(dir, 'folder'));
  writeFileSync(join(dir, 'large.html'), 'x'.repeat(1024 * 1024 + 1));
  writeFileSync(join(dir, 'largest.html'), 'x'.repeat(1024 * 1024));
  writeFileSync(join(dir, 'empty.html'), '\n');
  writeFileSync(join(dir, 'latin1.html'), Buffer.from('<p>Bient\u00f4t', 'latin1'));
  const problem = (page: string) => {
    const route = { proxy: 'api', maintenance: { page } };
    const plain = config({
      hosts: { 'a.com': { policies: { maintenance: { page } }, routes: { '/*': route } } },
    });
    const lines = resolveConfig(plain, { baseDir: dir }).problems.map(formatProblem);
    const places = ['policies', 'routes["/*"]'].map((place) => `hosts["a.com"].${place}.maintenance.page: `);
    assert.equal(lines.length, 2);
    for (const [index, line] of lines.entries()) assert.ok(line.startsWith(places[index]!), line);
    return lines[0]!.slice(places[0]!.length);
  };
  assert.equal(problem('nope.html'), `"nope.html" (${join(dir, 'nope.html')}) does not exist`);
  assert.equal(problem(join(dir, 'nope.html')), `"${join(dir, 'nope.html')}" does not exist`);
  assert.match(problem('folder'), /^"folder" \(.*\) is not a file$/);
  assert.match(problem('large.html'), / has 1048577 bytes; a page may have 1 MB$/);
  assert.match(problem('empty.html'), / is empty$/);
  assert.match(problem('latin1.html'), / is not UTF-8$/);
  assert.match(problem('a\0b'), /cannot be read/);
  assert.equal(merged({}, { maintenance: { page: 'page.html' } }).maintenance!.page, PAGE);
  assert.equal(merged({}, { maintenance: { page: 'largest.html' } }).maintenance!.page!.length, 1024 * 1024);
});

test('maintenance arrives in seconds, and a route wins field by field', () => {
  const plain = { page: null, retryAfter: 300, allow: [] };
  assert.equal(merged({}, {}).maintenance, null);
  assert.equal(merged({}, { maintenance: false }).maintenance, null);
  assert.deepEqual(merged({}, { maintenance: true }).maintenance, plain);
  assert.deepEqual(merged({}, { maintenance: {} }).maintenance, plain);
  assert.equal(merged({}, { maintenance: { retryAfter: '1500ms' } }).maintenance!.retryAfter, 2);
  assert.equal(merged({}, { maintenance: { retryAfter: '1ms' } }).maintenance!.retryAfter, 1);

  const host: PolicyConfig = { maintenance: { page: 'page.html', retryAfter: '10m', allow: ['10.0.0.0/8'] } };
  const ofHost = { page: PAGE, retryAfter: 600, allow: ['10.0.0.0/8'] };
  assert.deepEqual(merged(host, {}).maintenance, ofHost);
  assert.deepEqual(merged(host, { maintenance: true }).maintenance, ofHost);
  assert.equal(merged(host, { maintenance: false }).maintenance, null);
  assert.deepEqual(merged(host, { maintenance: { retryAfter: '1m', allow: [] } }).maintenance, {
    ...{ page: PAGE, retryAfter: 60, allow: [] },
  });
  assert.deepEqual(merged(host, { maintenance: { page: undefined } }).maintenance, ofHost);
  assert.deepEqual(merged({ maintenance: false }, { maintenance: true }).maintenance, plain);
  assert.deepEqual(merged({ maintenance: true }, { maintenance: { retryAfter: '1m' } }).maintenance, {
    ...plain,
    retryAfter: 60,
  });
});

test('hold is a time, or a time with limits, or false', () => {
  accepts({ hold: '5s' });
  accepts({ hold: false });
  accepts({ hold: { for: '250ms', exchanges: 1, bytes: '1gb' } });
  const what = 'expected a duration such as "5s", { for, exchanges, bytes }, or false, got';
  refuses([
    [{ hold: true }, `hold: ${what} true`],
    [{ hold: 5 }, `hold: ${what} 5`],
    [{ hold: '5' }, /^hold: "5" is not a duration/],
    [{ hold: '0s' }, /^hold: "0s" leaves no time at all/],
    [{ hold: {} }, /^hold\.for: is missing; expected a duration/],
    [{ hold: { for: '25d' } }, /^hold\.for: "25d" is too long/],
    [
      { hold: { for: '5s', exchanges: 0 } },
      'hold.exchanges: expected a whole number from 1 to 1000000, got 0',
    ],
    [{ hold: { for: '5s', bytes: '0b' } }, 'hold.bytes: "0b" leaves room for nothing; write, say, "16mb"'],
    [{ hold: { for: '5s', bytes: '2gb' } }, 'hold.bytes: "2gb" is too much; the most is "1gb"'],
    [
      { hold: { for: '5s', bytes: 16 } },
      /^hold\.bytes: 16 has no unit; write a size as text, such as "16mb"/,
    ],
    [{ hold: { for: '5s', most: 5 } }, /^hold\.most: unknown field\. Known: for, exchanges, bytes\./],
  ]);
});

test('hold arrives in numbers, and a route wins field by field', () => {
  const held = { time: 5000, exchanges: 1000, bytes: 16_777_216 };
  assert.equal(merged({}, {}).hold, null);
  assert.equal(merged({}, { hold: false }).hold, null);
  assert.deepEqual(merged({}, { hold: '5s' }).hold, held);
  assert.deepEqual(merged({}, { hold: { for: '5s' } }).hold, held);
  assert.deepEqual(merged({ hold: '5s' }, {}).hold, held);
  assert.equal(merged({ hold: '5s' }, { hold: false }).hold, null);
  const host: PolicyConfig = { hold: { for: '10s', exchanges: 50, bytes: '1kb' } };
  assert.deepEqual(merged(host, { hold: '5s' }).hold, { time: 5000, exchanges: 50, bytes: 1024 });
  assert.deepEqual(merged(host, { hold: { for: '1s', bytes: '2kb' } }).hold, {
    ...{ time: 1000, exchanges: 50, bytes: 2048 },
  });
  assert.deepEqual(merged({ hold: false }, { hold: '5s' }).hold, held);
});

test("a route's retries have no budget of their own", () => {
  accepts({ retry: false });
  accepts({ retry: {} });
  accepts({ retry: { attempts: 3, on: ['connect', 502, 503, 504] } });
  const budget = 'all routes of an upstream share one budget; write it there: upstreams.NAME.retry.budget';
  refuses([
    [{ retry: true }, 'retry: expected { attempts, on }, or false, got true'],
    [{ retry: { budget: 0.1 } }, `retry.budget: ${budget}`],
    [{ retry: { attempts: 0 } }, 'retry.attempts: expected a whole number from 1 to 10, got 0'],
    [{ retry: { on: [500] } }, 'retry.on[0]: expected "connect", "reset", 502, 503 or 504, got 500'],
    [{ retry: { on: [] } }, /^retry\.on: is empty; .*retry: false is for nothing/],
    [
      { retry: { atempts: 2 } },
      'retry.atempts: unknown field. Known: attempts, on. Did you mean "attempts"?',
    ],
  ]);
});

test('of retries only what is written arrives, and a route wins field by field', () => {
  const reasons = { connect: true, reset: false, statuses: [502, 503] };
  assert.equal(merged({}, {}).retry, null);
  assert.equal(merged({}, { retry: {} }).retry, null);
  assert.equal(merged({}, { retry: false }).retry, false);
  assert.deepEqual(merged({}, { retry: { attempts: 3 } }).retry, { attempts: 3 });
  assert.deepEqual(merged({}, { retry: { on: [503, 'connect', 502] } }).retry, reasons);
  const host: PolicyConfig = { retry: { attempts: 3, on: ['connect'] } };
  assert.deepEqual(merged(host, { retry: { on: [503, 'connect', 502] } }).retry, { attempts: 3, ...reasons });
  assert.equal(merged(host, { retry: false }).retry, false);
  assert.deepEqual(merged({ retry: false }, { retry: { attempts: 2 } }).retry, { attempts: 2 });
  assert.equal(merged({ retry: false }, { retry: {} }).retry, null);
  assert.equal(merged({ retry: false }, {}).retry, false);
});

test('equal sets are stored once, also those with a page', () => {
  const maintenance = { page: 'page.html' };
  const { policies } = resolved(
    config({
      hosts: {
        'a.com': { policies: { maintenance }, routes: { '/*': { proxy: 'api', maintenance: false } } },
        'b.com': {
          policies: { maintenance: { page: './page.html', allow: [] } },
          routes: { '/*': { proxy: 'api', maintenance: true }, '/x': { proxy: 'api', maintenance: {} } },
        },
        'c.com': { policies: { maintenance: true, hold: false }, routes: { '/*': { proxy: 'api' } } },
      },
    }),
  );
  assert.deepEqual(
    policies.map((set) => set.maintenance),
    [{ page: PAGE, retryAfter: 300, allow: [] }, null, { page: null, retryAfter: 300, allow: [] }],
  );
});

test('holding and retrying without a replica to ask are warnings, unless the host says so', () => {
  const routes = (policies: object) => ({
    '/docs': { redirect: '/', ...policies },
    '/ping': { respond: {}, ...policies },
    '/f/*': { files: { root: '.' }, ...policies },
    '/app/*': { spa: { upstream: 'api' }, ...policies },
    '/*': { proxy: 'api', ...policies },
  });
  const none = 'has no effect: this route asks no replica';
  assert.deepEqual(
    warnings(config({ hosts: { 'a.com': { routes: routes({ hold: '5s', retry: false }) } } })),
    [
      `hosts["a.com"].routes["/docs"].hold: ${none}`,
      `hosts["a.com"].routes["/docs"].retry: ${none}`,
      `hosts["a.com"].routes["/ping"].hold: ${none}`,
      `hosts["a.com"].routes["/ping"].retry: ${none}`,
      `hosts["a.com"].routes["/f/*"].hold: ${none}`,
      `hosts["a.com"].routes["/f/*"].retry: ${none}`,
    ],
  );
  const policies = { hold: '5s', retry: { attempts: 3 } };
  assert.deepEqual(warnings(config({ hosts: { 'a.com': { policies, routes: routes({}) } } })), []);
});
