import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatProblem, keyPath, knownNames, nearest } from '../../src/config/problem.ts';
import { parseDuration, parseSize, parseTimeout } from '../../src/config/units.ts';

test('durations and sizes become numbers', () => {
  const durations = {
    '250ms': 250,
    '10s': 10_000,
    '5m': 300_000,
    '2h': 7_200_000,
    '365d': 31_536_000_000,
    '0s': 0,
  };
  for (const [text, value] of Object.entries(durations)) assert.equal(parseDuration(text), value);
  const sizes = { '512b': 512, '64kb': 65_536, '10mb': 10_485_760, '1gb': 1_073_741_824 };
  for (const [text, value] of Object.entries(sizes)) assert.equal(parseSize(text), value);
});

test('nonsense is refused with an example of what works', () => {
  for (const text of [
    '',
    '10',
    's',
    '-1s',
    '1.5s',
    '1e3s',
    '10 parsecs',
    '0x10s',
    '١s',
    '5constructor',
    '1s2s',
  ]) {
    assert.throws(
      () => parseDuration(text),
      /is not a duration; write a whole number and a unit, such as "250ms"/,
      text,
    );
  }
  for (const text of ['', '10', 'kb', '1tb', '1k', '5toString']) {
    assert.throws(
      () => parseSize(text),
      /is not a size; write a whole number and a unit, such as "512b"/,
      text,
    );
  }
  assert.throws(() => parseSize('10 MB'), /"10 MB" is not a size; write "10mb"/);
  assert.throws(() => parseDuration('99999999999999d'), /too large/);
});

test('a timer waits longer than nothing and no longer than Node can count', () => {
  assert.equal(parseTimeout('24d'), 2_073_600_000);
  assert.throws(() => parseTimeout('0s'), /"0s" leaves no time at all/);
  assert.throws(() => parseTimeout('25d'), /the longest is "24d"/);
});

test('a problem names its key path', () => {
  assert.equal(keyPath([]), 'config');
  assert.equal(
    keyPath(['hosts', 'a.com', 'routes', '/api/*', 'proxy']),
    'hosts["a.com"].routes["/api/*"].proxy',
  );
  assert.equal(keyPath(['upstreams', 'api', 'replicas', 0]), 'upstreams.api.replicas[0]');
  assert.equal(keyPath(['hosts', 'a"\n']), 'hosts["a\\"\\n"]');
  assert.equal(formatProblem({ path: 'workers', message: 'is odd' }), 'workers: is odd');
});

test('a name close to a known one is suggested, a strange one is not', () => {
  assert.equal(knownNames('apii', ['api', 'crm']), ' Known: api, crm. Did you mean "api"?');
  assert.equal(knownNames('zebra', ['api', 'crm']), ' Known: api, crm.');
  assert.equal(knownNames('x', []), '');
  assert.equal(nearest('porxy', ['proxy', 'policies']), 'proxy');
  assert.equal(nearest('REPLICAS', ['replicas']), 'replicas');
  assert.equal(nearest('a', ['proxy']), undefined);
  const many = Array.from({ length: 20 }, (_, index) => `name${index}`);
  assert.match(knownNames('q', many), /name15 and 4 more\.$/);
});
