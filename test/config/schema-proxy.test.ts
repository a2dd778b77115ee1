// What is refused in a split and in protocols a client may switch to, with the words the operator reads.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { config, lines } from './problem-lines.ts';

const upstreams = {
  api: { replicas: ['http://api'] },
  'api-next': { replicas: ['http://next'], sticky: { cookie: 'next' } },
};

/** Problems of a proxy action, without the path of the route. */
const proxy = (fields: object, pattern = '/*') =>
  lines(config({ upstreams, hosts: { 'a.com': { routes: { [pattern]: { proxy: fields } } } } })).map((line) =>
    line.replace(`hosts["a.com"].routes["${pattern}"].`, ''),
  );
const accepts = (fields: object) => assert.deepEqual(proxy(fields), [], JSON.stringify(fields));

function refuses(table: [fields: object, ...expected: (string | RegExp)[]][]): void {
  for (const [fields, ...expected] of table) {
    const found = proxy(fields);
    assert.equal(found.length, expected.length, `${JSON.stringify(fields)} → ${found.join('\n')}`);
    for (const [index, line] of expected.entries()) {
      if (typeof line === 'string') assert.equal(found[index], line);
      else assert.match(found[index]!, line);
    }
  }
}

const half = { api: 50, 'api-next': 50 };

test('a split names upstreams that make 100 together', () => {
  accepts({ split: { api: 90, 'api-next': 10 } });
  accepts({ split: { api: 100, 'api-next': 0 } });
  accepts({ split: half, by: 'client' });
  accepts({ split: half, by: 'exchange', override: { header: 'X-Version' } });
  accepts({ split: half, override: { header: 'x-version', cookie: 'version' } });
  accepts({ split: half, addPrefix: '/v2', hostHeader: 'replica', upgrade: false });
  refuses([
    [{ upstream: 'api', split: half }, 'proxy: has both upstream and split; keep one'],
    [{}, 'proxy: needs upstream (a name), or split (names with percentages)'],
    [{ stripPrefix: '/api' }, /^proxy: needs upstream/, /^proxy\.stripPrefix: "\/\*" also matches/],
    [{ split: ['api'] }, 'proxy.split: expected names of upstreams with their percentages, got a list'],
    [{ split: {} }, 'proxy.split: needs at least two upstreams; for a single one write upstream'],
    [{ split: { api: 100 } }, 'proxy.split: needs at least two upstreams; for a single one write upstream'],
    [{ split: { api: 90, 'api-next': 9 } }, 'proxy.split: the shares make 99 together; they must make 100'],
    [{ split: { api: 60, 'api-next': 60 } }, /the shares make 120 together/],
    [
      { split: { api: 99.5, 'api-next': 0.5 } },
      'proxy.split.api: expected a whole number from 0 to 100, got 99.5',
      'proxy.split["api-next"]: expected a whole number from 0 to 100, got 0.5',
    ],
    [{ split: { api: 101, 'api-next': -1 } }, /api: expected a whole number/, /next"\]: expected a whole/],
    [{ split: { api: '90', 'api-next': 10 } }, /^proxy\.split\.api: expected .*, got "90"$/],
    [
      { split: { api: 90, apinext: 10 } },
      'proxy.split.apinext: no upstream named "apinext". Known: api, api-next. Did you mean "api-next"?',
    ],
  ]);
  // As with upstream, what is taken away must be there.
  assert.deepEqual(proxy({ split: half, stripPrefix: '/api' }, '/api/*'), []);
  assert.match(
    proxy({ split: half, stripPrefix: '/api' }).join(),
    /also matches paths that do not start with it/,
  );
});

test('how a split draws, and what overrides it', () => {
  const alone = 'only has a meaning with split; remove it';
  refuses([
    [{ upstream: 'api', by: 'client' }, `proxy.by: ${alone}`],
    [{ upstream: 'api', override: { header: 'x' } }, `proxy.override: ${alone}`],
    [
      { split: half, by: 'cookie' },
      'proxy.by: expected "client" or "exchange", got "cookie". Known: client, exchange.',
    ],
    [{ split: half, override: {} }, 'proxy.override: names neither a header nor a cookie'],
    [{ split: half, override: 'x' }, 'proxy.override: expected { header, cookie }, got "x"'],
    [{ split: half, override: { header: 'a b' } }, 'proxy.override.header: "a b" is not a header name'],
    [
      { split: half, override: { header: 'Connection' } },
      /the header "Connection" belongs to one connection/,
    ],
    [{ split: half, override: { header: 'X_Version' } }, /has an underscore; use "-"/],
    [
      { split: half, override: { cookie: 'a;b' } },
      /^proxy\.override\.cookie: "a;b" is not the name of a cookie/,
    ],
    [
      { split: half, override: { cookie: 'next' } },
      'proxy.override.cookie: is upstreams["api-next"].sticky.cookie already; use another name',
    ],
  ]);
});

test('protocols that would smuggle requests past the gateway are refused', () => {
  accepts({ upstream: 'api', upgrade: false });
  accepts({ upstream: 'api', upgrade: ['websocket'] });
  accepts({ upstream: 'api', upgrade: ['WebSocket', 'xmpp', 'irc/6.9', 'tailscale-control-protocol'] });
  for (const name of ['h2c', 'H2C', 'h2', 'h3', 'http/1.1', 'HTTP/2.0', 'http', 'TLS/1.0', 'tls']) {
    assert.deepEqual(proxy({ upstream: 'api', upgrade: ['websocket', name] }), [
      `proxy.upgrade[1]: "${name}" would smuggle requests past the gateway: no route and no policy sees what comes after the switch`,
    ]);
  }
  const what = 'a list of protocols such as ["websocket"], or false';
  refuses([
    [{ upstream: 'api', upgrade: true }, `proxy.upgrade: expected ${what}, got true`],
    [{ upstream: 'api', upgrade: 'websocket' }, `proxy.upgrade: expected ${what}, got "websocket"`],
    [{ upstream: 'api', upgrade: [] }, `proxy.upgrade: is empty; expected ${what} for none`],
    [{ upstream: 'api', upgrade: ['websocket', 'WebSocket'] }, 'proxy.upgrade[1]: repeats item [0]'],
    [{ upstream: 'api', upgrade: [1] }, 'proxy.upgrade[0]: expected a protocol such as "websocket", got 1'],
    [{ upstream: 'api', upgrade: [''] }, 'proxy.upgrade[0]: "" is not a protocol; write, say, "websocket"'],
    [{ upstream: 'api', upgrade: ['a b'] }, /"a b" is not a protocol/],
    [{ upstream: 'api', upgrade: ['a,b'] }, /"a,b" is not a protocol/],
    [{ upstream: 'api', upgrade: ['a/'] }, /"a\/" is not a protocol/],
    [{ upstream: 'api', upgrade: ['a/b/c'] }, /"a\/b\/c" is not a protocol/],
    [{ upstream: 'api', upgrade: ['a\r\nb'] }, /"a\\r\\nb" is not a protocol/],
  ]);
});
