// What an upstream may say and what it may not, with the words the operator reads.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { config, lines, upstream } from './problem-lines.ts';

/** Problems of these fields, without the path of the upstream. */
const wrong = (fields: object) => upstream(fields).map((line) => line.replace(/^upstreams\.api\./, ''));
const accepts = (fields: object) => assert.deepEqual(upstream(fields), [], JSON.stringify(fields));

/** Each of these fields has exactly one problem, this one. */
function refuses(table: [fields: object, expected: string | RegExp][]): void {
  for (const [fields, expected] of table) {
    const found = wrong(fields);
    assert.equal(found.length, 1, `${JSON.stringify(fields)} → ${found.join('\n')}`);
    if (typeof expected === 'string') assert.equal(found[0], expected);
    else assert.match(found[0]!, expected);
  }
}

const replica = (entry: unknown, fields: object = {}) => ({ replicas: [entry], ...fields });

test('replicas are text, { url } or { srv }', () => {
  accepts(replica({ url: 'http://a' }));
  accepts(replica({ url: 'https://a:8443', weight: 1000, backup: true, expect: 1000 }));
  accepts(replica({ srv: '_http._tcp.api.internal' }));
  accepts(replica({ srv: 'api.service.consul', scheme: 'https', backup: false, expect: 3 }));
  accepts(replica('http://10.0.0.1', { discover: 'static' }));
  const whole = 'expected a whole number from 1 to 1000, got';
  refuses([
    [replica(7), 'replicas[0]: expected an address such as "http://api:3000", { url } or { srv }, got 7'],
    [replica(null), /^replicas\[0\]: expected an address .*, got null$/],
    [replica({}), 'replicas[0].url: is missing; expected an address such as "http://api:3000"'],
    [replica({ url: 'api' }), /^replicas\[0\]\.url: has no scheme/],
    [
      replica({ url: 'http://a', wieght: 2 }),
      'replicas[0].wieght: unknown field. Known: url, weight, backup, expect. Did you mean "weight"?',
    ],
    [replica({ url: 'http://a', weight: 0 }), `replicas[0].weight: ${whole} 0`],
    [replica({ url: 'http://a', weight: 1.5 }), `replicas[0].weight: ${whole} 1.5`],
    [replica({ url: 'http://a', weight: 1001 }), `replicas[0].weight: ${whole} 1001`],
    [replica({ url: 'http://a', weight: '2' }), `replicas[0].weight: ${whole} "2"`],
    [replica({ url: 'http://a', backup: 1 }), 'replicas[0].backup: expected true or false, got 1'],
    [replica({ url: 'http://a', expect: 0 }), `replicas[0].expect: ${whole} 0`],
    [replica({ srv: 5 }), 'replicas[0].srv: expected the name of SRV records, got 5'],
    [replica({ srv: 'http://a' }), /^replicas\[0\]\.srv: is a URL; write only the name/],
    [replica({ srv: 'a', scheme: 'h2c' }), /^replicas\[0\]\.scheme: expected "http" or "https", got "h2c"/],
    [replica({ srv: 'a', weight: 2 }), 'replicas[0].weight: the records say the weights; remove this field'],
    [replica({ srv: 'a', url: 'http://a' }), 'replicas[0].url: stands beside srv; keep one of the two'],
    [replica({ srv: 'a', port: 80 }), 'replicas[0].port: unknown field. Known: srv, scheme, backup, expect.'],
  ]);
});

test('one address is one replica, however it is written', () => {
  refuses([
    [{ replicas: ['http://A', { url: 'http://a:80', weight: 2 }] }, 'replicas[1]: repeats item [0]'],
    [{ replicas: [{ srv: 'x.y' }, 'http://a', { srv: 'X.Y' }] }, 'replicas[2]: repeats item [0]'],
  ]);
  accepts({ replicas: [{ srv: 'x.y' }, { srv: 'x.y', scheme: 'https' }, 'http://x.y'] });
});

test('what only discovery can do is refused without it', () => {
  accepts(replica({ url: 'http://a', expect: 2 }, { discover: 'dns' }));
  refuses([
    [{ discover: false }, 'discover: expected "dns" or "static", got false'],
    [{ discover: 'docker' }, 'discover: expected "dns" or "static", got "docker". Known: dns, static.'],
    [
      replica({ srv: 'a' }, { discover: 'static' }),
      'replicas[0].srv: SRV records are found by DNS, but discover is "static"; remove that or write a url',
    ],
    [
      replica({ url: 'http://a', expect: 2 }, { discover: 'static' }),
      'replicas[0].expect: counts the addresses of a name, but discover is "static": each entry is one replica',
    ],
    [
      replica({ url: 'http://10.0.0.1', expect: 2 }),
      'replicas[0].expect: counts the addresses of a name, but "10.0.0.1" is an address: always one',
    ],
    [replica({ url: 'http://[::1]', expect: 1 }), /"::1" is an address: always one$/],
  ]);
});

test('balance is one of three', () => {
  for (const balance of ['least-requests', 'round-robin', 'hash-client']) accepts({ balance });
  refuses([
    [
      { balance: 'least-request' },
      'balance: expected "least-requests" or "round-robin" or "hash-client", got "least-request". Known: least-requests, round-robin, hash-client. Did you mean "least-requests"?',
    ],
  ]);
});

test('a sticky cookie has a name, and a secret that no message shows', () => {
  accepts({ sticky: { cookie: 'api_replica' } });
  accepts({ sticky: { cookie: 'api.replica', secret: '0123456789abcdef' } });
  refuses([
    [{ sticky: true }, 'sticky: expected { cookie }, got true'],
    [{ sticky: {} }, 'sticky.cookie: is missing; expected the name of a cookie'],
    [{ sticky: { cookie: '' } }, /^sticky\.cookie: "" is not the name of a cookie: letters, digits, /],
    [{ sticky: { cookie: 'a b' } }, /^sticky\.cookie: "a b" is not the name/],
    [{ sticky: { cookie: 'a;b' } }, /"a;b" is not the name/],
    [{ sticky: { cookie: 'a=b' } }, /"a=b" is not the name/],
    [{ sticky: { cookie: 'a\r\n' } }, /"a\\r\\n" is not the name/],
    [
      { sticky: { cookie: 'a', secret: 'hunter2' } },
      'sticky.secret: has 7 characters; expected text of at least 16 characters',
    ],
    [{ sticky: { cookie: 'a', secret: 1234 } }, 'sticky.secret: expected text of at least 16 characters'],
  ]);
});

test('health is a path or more', () => {
  accepts({ health: '/health' });
  accepts({ health: '/health?full=0' });
  accepts({ health: { path: '/health' } });
  accepts({
    health: {
      ...{ path: '/health', interval: '1s', timeout: '1s', rise: 1, fall: 100 },
      ...{ status: '200-204,301', host: 'api.internal:8080', port: 9000 },
    },
  });
  accepts({ health: { path: '/health', status: 204 } });
  // The default time-out gives way to a shorter interval.
  accepts({ health: { path: '/health', interval: '500ms' } });
  refuses([
    [{ health: 5 }, 'health: expected a path such as "/health", or { path }, got 5'],
    [{ health: false }, 'health: expected a path such as "/health", or { path }, got false'],
    [{ health: 'health' }, 'health: must start with "/"'],
    [{ health: 'http://api/health' }, 'health: must start with "/"'],
    [{ health: {} }, 'health.path: is missing; expected a path such as "/health"'],
    [{ health: { path: '/a/../b' } }, /^health\.path: must not hold the segments/],
    [
      { health: { path: '/x', interval: '0s' } },
      'health.interval: "0s" leaves no time at all; write, say, "60s"',
    ],
    [{ health: { path: '/x', interval: 10 } }, /^health\.interval: 10 has no unit/],
    [{ health: { path: '/x', timeout: '2' } }, /^health\.timeout: "2" is not a duration/],
    [
      { health: { path: '/x', interval: '1s', timeout: '2s' } },
      'health.timeout: "2s" is longer than interval, "1s"',
    ],
    [
      { health: { path: '/x', timeout: '11s' } },
      'health.timeout: "11s" is longer than interval, which is "10s" unless set',
    ],
    [{ health: { path: '/x', rise: 0 } }, 'health.rise: expected a whole number from 1 to 100, got 0'],
    [{ health: { path: '/x', fall: 101 } }, 'health.fall: expected a whole number from 1 to 100, got 101'],
    [
      { health: { path: '/x', status: 'ok' } },
      /^health\.status: "ok" is not a list of statuses; write, say, /,
    ],
    [{ health: { path: '/x', status: '1xx' } }, /^health\.status: "1xx" is not the status of an answer/],
    [
      { health: { path: '/x', status: 700 } },
      'health.status: expected a whole number from 200 to 599, got 700',
    ],
    [
      { health: { path: '/x', status: ['2xx'] } },
      'health.status: expected statuses such as "2xx-3xx", got a list',
    ],
    [{ health: { path: '/x', host: 'a b' } }, 'health.host: "a b" cannot stand in a Host header'],
    [{ health: { path: '/x', port: 0 } }, 'health.port: expected a whole number from 1 to 65535, got 0'],
    [{ health: { path: '/x', method: 'HEAD' } }, /^health\.method: unknown field\. Known: path, interval, /],
  ]);
});

test('ejection is false or four numbers', () => {
  accepts({ eject: false });
  accepts({ eject: {} });
  accepts({ eject: { consecutive: 1, base: '5m', max: '5m', atMost: 1 } });
  // The default base gives way to a shorter max.
  accepts({ eject: { max: '5s' } });
  refuses([
    [{ eject: true }, 'eject: expected { consecutive, base, max, atMost }, or false, got true'],
    [{ eject: { consecutive: 0 } }, 'eject.consecutive: expected a whole number from 1 to 1000, got 0'],
    [{ eject: { base: '10m' } }, 'eject.base: "10m" is longer than max, which is "5m" unless set'],
    [{ eject: { base: '2s', max: '1s' } }, 'eject.base: "2s" is longer than max, "1s"'],
    [{ eject: { max: '0s' } }, 'eject.max: "0s" leaves no time at all; write, say, "60s"'],
    [{ eject: { atMost: 0 } }, 'eject.atMost: expected a number above 0, at most 1, got 0'],
    [{ eject: { atMost: 1.1 } }, 'eject.atMost: expected a number above 0, at most 1, got 1.1'],
    [{ eject: { atMost: '50%' } }, 'eject.atMost: expected a number above 0, at most 1, got "50%"'],
  ]);
});

test('retries are false, or attempts within a budget, for reasons', () => {
  accepts({ retry: false });
  accepts({ retry: {} });
  accepts({ retry: { attempts: 10, budget: 0, on: ['connect', 'reset', 502, 503, 504] } });
  accepts({ retry: { attempts: 1, budget: 1, on: [503] } });
  const reasons = 'expected "connect", "reset", 502, 503 or 504, got';
  refuses([
    [{ retry: true }, 'retry: expected { attempts, budget, on }, or false, got true'],
    [{ retry: 3 }, 'retry: expected { attempts, budget, on }, or false, got 3'],
    [{ retry: { attempts: 0 } }, 'retry.attempts: expected a whole number from 1 to 10, got 0'],
    [{ retry: { attempts: 11 } }, 'retry.attempts: expected a whole number from 1 to 10, got 11'],
    [{ retry: { budget: 20 } }, 'retry.budget: expected a number from 0 to 1, got 20'],
    [{ retry: { budget: -0.1 } }, 'retry.budget: expected a number from 0 to 1, got -0.1'],
    [{ retry: { on: [500] } }, `retry.on[0]: ${reasons} 500`],
    [{ retry: { on: ['connect', '503'] } }, `retry.on[1]: ${reasons} "503"`],
    [{ retry: { on: ['reset', 'reset'] } }, 'retry.on[1]: repeats item [0]'],
    [
      { retry: { on: [] } },
      'retry.on: is empty; expected what is retried, such as ["connect", "reset"] (retry: false is for nothing)',
    ],
    [{ retry: { on: 'connect' } }, /^retry\.on: expected what is retried, such as .*, got "connect"$/],
  ]);
});

test('limits, slow start and time-outs', () => {
  accepts({ connections: {} });
  accepts({ connections: { max: 1, queue: 0, queueTimeout: '250ms' } });
  accepts({ slowStart: '0s' });
  accepts({ slowStart: '30s' });
  accepts({ timeouts: { tunnel: '24d' } });
  refuses([
    [{ connections: false }, 'connections: expected { max, queue, queueTimeout }, got false'],
    [{ connections: { max: 0 } }, 'connections.max: expected a whole number from 1 to 65535, got 0'],
    [{ connections: { queue: -1 } }, 'connections.queue: expected a whole number from 0 to 1000000, got -1'],
    [{ connections: { queueTimeout: '0s' } }, /^connections\.queueTimeout: "0s" leaves no time at all/],
    [{ connections: { queueTimeout: 1 } }, /^connections\.queueTimeout: 1 has no unit/],
    [{ slowStart: 30 }, 'slowStart: 30 has no unit; write a duration as text, such as "30s"'],
    [{ slowStart: false }, 'slowStart: expected a duration such as "30s", got false'],
    [{ timeouts: { tunnel: '0s' } }, /^timeouts\.tunnel: "0s" leaves no time at all/],
    [{ timeouts: { tunnel: '25d' } }, /^timeouts\.tunnel: "25d" is too long/],
  ]);
});

test('every mistake of an upstream is named at once', () => {
  const found = wrong({
    replicas: [{ url: 'http://10.0.0.1', weight: 0, expect: 2 }],
    discover: 'static',
    sticky: { cookie: ' ' },
    health: { path: 'x', interval: '1s', timeout: '2s' },
    eject: { base: '2s', max: '1s', atMost: 2 },
  });
  assert.deepEqual(
    found.map((line) => line.slice(0, line.indexOf(': '))),
    [
      ...['replicas[0].weight', 'replicas[0].expect', 'sticky.cookie', 'health.path', 'health.timeout'],
      ...['eject.base', 'eject.atMost'],
    ],
  );
});

test('resolver names servers by address', () => {
  const resolver = (value: unknown) => lines(config({ resolver: value })).join('\n');
  assert.equal(resolver({}), '');
  assert.equal(resolver({ servers: ['127.0.0.11', '10.0.0.2:53', '[::1]:53'], interval: '250ms' }), '');
  assert.equal(resolver(5), 'resolver: expected { servers, interval }, got 5');
  assert.equal(
    resolver({ servers: '127.0.0.11' }),
    'resolver.servers: expected at least one DNS server such as "127.0.0.11", got "127.0.0.11"',
  );
  assert.match(resolver({ servers: [] }), /^resolver\.servers: is empty; expected at least one DNS server/);
  assert.match(
    resolver({ servers: ['dns'] }),
    /^resolver\.servers\[0\]: "dns" is not the address of a server/,
  );
  assert.equal(resolver({ servers: ['::1', '[::1]:53'] }), 'resolver.servers[1]: repeats item [0]');
  assert.match(resolver({ servers: [53] }), /^resolver\.servers\[0\]: expected a DNS server such as/);
  assert.match(resolver({ interval: '0s' }), /^resolver\.interval: "0s" leaves no time at all/);
  assert.match(resolver({ ttl: '2s' }), /^resolver\.ttl: unknown field\. Known: servers, interval\./);
});
