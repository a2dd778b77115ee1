// Finding the addresses of a name, with a real resolver against a DNS server on loopback.

import assert from 'node:assert/strict';
import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, type TestContext, test } from 'node:test';
import {
  type NameAnswer,
  NameLookup,
  type NameLookupOptions,
} from '../../../src/upstream/discovery/name-lookup.ts';
import { type DnsServer, startDnsServer } from '../../support/dns-server.ts';
import { temporaryFolder } from '../../support/fixtures.ts';

const NO_HOSTS = '/nowhere/hosts';
const LINK = { netmask: '', mac: '', cidr: null };
const LOOPBACK_6 = { ...LINK, family: 'IPv6' as const, address: '::1', internal: true, scopeid: 0 };
const LOCAL_6 = { ...LINK, family: 'IPv6' as const, address: 'fe80::1', internal: false, scopeid: 2 };
const ROUTED_6 = { ...LOCAL_6, address: '2001:db8::2', scopeid: 0 };

suite('the addresses of a name', () => {
  test('are those of both families, sorted, each once', async (t) => {
    const { dns, lookup } = await start(t);
    dns.setA('api', ['10.0.0.3', '10.0.0.1', '10.0.0.3']);
    dns.setAAAA('api', ['fd00:0:0:0::2', 'fd00::1']);
    assert.deepEqual(await lookup.addresses('api'), found('10.0.0.1', '10.0.0.3', 'fd00::1', 'fd00::2'));
    assert.deepEqual(dns.questions.map(({ type }) => type).sort(), ['A', 'AAAA']);
  });

  test('are the same list however the server shuffles them', async (t) => {
    const { dns, lookup } = await start(t);
    const addresses = Array.from({ length: 9 }, (_, at) => `10.0.0.${at + 1}`);
    dns.setA('api', addresses);
    for (let round = 0; round < 20; round++) {
      assert.deepEqual(await lookup.addresses('api'), found(...addresses));
    }
  });

  test('may be of one family only', async (t) => {
    const { dns, lookup } = await start(t);
    dns.setA('four', ['10.0.0.1']);
    dns.setAAAA('six', ['fd00::1']);
    assert.deepEqual(await lookup.addresses('four'), found('10.0.0.1'));
    assert.deepEqual(await lookup.addresses('six'), found('fd00::1'));
  });

  test('are found under a name with underscores, and in any case', async (t) => {
    const { dns, lookup } = await start(t);
    dns.setA('my_stack_api', ['10.0.0.1']);
    assert.deepEqual(await lookup.addresses('my_stack_API'), found('10.0.0.1'));
  });

  // nodejs/node#57640: c-ares once kept answers for their TTL, and Docker gives every one 600 s.
  test('are asked anew each time, with a TTL of 600 s', async (t) => {
    const { dns, lookup } = await start(t);
    for (const last of [1, 2, 3]) {
      dns.setA('api', [`10.0.0.${last}`]);
      dns.setAAAA('api', [`fd00::${last}`]);
      assert.deepEqual(await lookup.addresses('api'), found(`10.0.0.${last}`, `fd00::${last}`));
    }
    assert.equal(dns.asked('api'), 6);
  });

  for (const count of [60, 1000]) {
    test(`are complete when ${count} of them fit into no UDP answer`, async (t) => {
      const { dns, lookup } = await start(t);
      const addresses = Array.from({ length: count }, (_, at) => `10.1.${at >> 8}.${at & 255}`).sort();
      dns.setA('api', addresses);
      assert.deepEqual(await lookup.addresses('api'), found(...addresses));
      assert.ok(dns.questions.some(({ over }) => over === 'tcp'));
    });
  }

  test('are written as IPv4 where IPv6 only carries them', async (t) => {
    const { dns, lookup } = await start(t);
    dns.setA('api', ['10.0.0.1']);
    dns.setAAAA('api', ['::ffff:10.0.0.1', '::ffff:10.0.0.2']);
    assert.deepEqual(await lookup.addresses('api'), found('10.0.0.1', '10.0.0.2'));
  });
});

suite('a name without addresses', () => {
  test('is unknown when it does not exist, and when it has other records only', async (t) => {
    const { dns, lookup } = await start(t);
    dns.setSrv('other', [{ target: 'api', port: 80 }]);
    assert.deepEqual(await lookup.addresses('none'), { kind: 'unknown' });
    assert.deepEqual(await lookup.addresses('other'), { kind: 'unknown' });
  });

  test('is known by one family when the server wrongly denies it for the other', async (t) => {
    const { dns, lookup } = await start(t);
    dns.setA('api', ['10.0.0.1']);
    dns.fail('api', 'NXDOMAIN', 'AAAA');
    assert.deepEqual(await lookup.addresses('api'), found('10.0.0.1'));
  });

  for (const failure of ['SERVFAIL', 'REFUSED'] as const) {
    test(`failed when the server says ${failure}`, async (t) => {
      const { dns, lookup } = await start(t);
      dns.setA('api', ['10.0.0.1']);
      dns.fail('api', failure);
      const code = { SERVFAIL: 'ESERVFAIL', REFUSED: 'EREFUSED' }[failure];
      assert.deepEqual(await lookup.addresses('api'), {
        kind: 'failed',
        detail: `A: ${code}, AAAA: ${code}`,
      });
    });
  }

  test('failed when the server is silent, after it was asked twice', async (t) => {
    const { dns, lookup } = await start(t);
    dns.fail('api', 'silent');
    assert.deepEqual(await lookup.addresses('api'), {
      kind: 'failed',
      detail: 'A: ETIMEOUT, AAAA: ETIMEOUT',
    });
    assert.equal(dns.asked('api', 'A'), 2);
  });

  test('failed when nothing listens there', async (t) => {
    const { dns, lookup } = await start(t);
    await dns.close();
    const answer = await lookup.addresses('api');
    assert.equal(answer.kind, 'failed');
  });

  test('failed when one family has none and the other was not answered', async (t) => {
    const { dns, lookup } = await start(t);
    dns.setA('api', ['10.0.0.1']);
    dns.fail('api', 'SERVFAIL', 'A');
    assert.deepEqual(await lookup.addresses('api'), { kind: 'failed', detail: 'A: ESERVFAIL' });
  });

  test('is found in part when the other family was not answered', async (t) => {
    const { dns, lookup } = await start(t);
    dns.setA('api', ['10.0.0.1']);
    dns.setAAAA('api', ['fd00::1']);
    dns.fail('api', 'SERVFAIL', 'AAAA');
    const missing = { family: 6 as const, detail: 'AAAA: ESERVFAIL' };
    assert.deepEqual(await lookup.addresses('api'), { ...found('10.0.0.1'), missing });
  });
});

suite('several DNS servers', () => {
  test('one that fails hands over to the next, which is asked first from then on', async (t) => {
    const [broken, working] = [await startDnsServer(t), await startDnsServer(t)];
    broken.fail('api', 'SERVFAIL');
    working.setA('api', ['10.0.0.1']);
    const lookup = new NameLookup([broken.address, working.address], { hostsFile: NO_HOSTS });
    for (let round = 0; round < 3; round++) {
      assert.deepEqual(await lookup.addresses('api'), found('10.0.0.1'));
    }
    assert.equal(broken.asked('api'), 2);
    assert.equal(working.asked('api'), 6);
  });

  test('a silent one hands over as well', async (t) => {
    const [silent, working] = [await startDnsServer(t), await startDnsServer(t)];
    silent.fail('api', 'silent');
    working.setA('api', ['10.0.0.1']);
    const lookup = new NameLookup([silent.address, working.address], { hostsFile: NO_HOSTS });
    assert.deepEqual(await lookup.addresses('api'), found('10.0.0.1'));
  });

  test('"no such name" is an answer, after which no other is asked', async (t) => {
    const [first, second] = [await startDnsServer(t), await startDnsServer(t)];
    second.setA('api', ['10.0.0.1']);
    const lookup = new NameLookup([first.address, second.address], { hostsFile: NO_HOSTS });
    assert.deepEqual(await lookup.addresses('api'), { kind: 'unknown' });
    assert.equal(second.asked('api'), 0);
  });
});

suite('addresses that are never used', () => {
  // attack-cases SS-05: a name that is made to point at the machine itself or at a cloud's metadata service.
  test('are told apart from the rest', async (t) => {
    const { dns, lookup } = await start(t);
    dns.setA('api', ['10.0.0.1', '0.0.0.0', '169.254.169.254', '224.0.0.1', '255.255.255.255', '127.0.0.1']);
    dns.setAAAA('api', ['::', 'fe80::1', 'ff02::1', '::ffff:169.254.169.253', 'fd00:ec2::254', '::1']);
    assert.deepEqual(await lookup.addresses('api'), {
      ...found('10.0.0.1', '127.0.0.1', '::1'),
      refused: [
        { address: '0.0.0.0', reason: 'unspecified' },
        { address: '169.254.169.253', reason: 'link-local' },
        { address: '169.254.169.254', reason: 'link-local' },
        { address: '224.0.0.1', reason: 'multicast' },
        { address: '255.255.255.255', reason: 'broadcast' },
        { address: '::', reason: 'unspecified' },
        { address: 'fd00:ec2::254', reason: 'cloud metadata' },
        { address: 'fe80::1', reason: 'link-local' },
        { address: 'ff02::1', reason: 'multicast' },
      ],
    });
  });

  test('leave nothing of a name that has no other', async (t) => {
    const { dns, lookup } = await start(t);
    dns.setA('api', ['169.254.169.254']);
    const refused = [{ address: '169.254.169.254', reason: 'link-local' }];
    assert.deepEqual(await lookup.addresses('api'), { ...found(), refused });
  });

  for (const [machine, own, expected] of [
    ['no IPv6', [], ['10.0.0.1']],
    ['IPv6 on loopback only', [LOOPBACK_6, LOCAL_6], ['10.0.0.1', '::1']],
    ['IPv6', [LOOPBACK_6, ROUTED_6], ['10.0.0.1', '::1', 'fd00::1']],
  ] as const) {
    test(`on a machine with ${machine}: ${expected.join(', ')}`, async (t) => {
      const { dns, lookup } = await start(t, { interfaces: () => ({ any: [...own] }) });
      dns.setA('api', ['10.0.0.1']);
      dns.setAAAA('api', ['::1', 'fd00::1']);
      assert.deepEqual(await lookup.addresses('api'), found(...expected));
    });
  }

  test('without IPv6 on the machine, a name that has nothing else keeps what it has', async (t) => {
    const { dns, lookup } = await start(t, { interfaces: () => ({}) });
    dns.setAAAA('api', ['fd00::1']);
    assert.deepEqual(await lookup.addresses('api'), found('fd00::1'));
  });
});

suite('names that DNS is not asked about', () => {
  test('are those in the hosts file, which may say anything', async (t) => {
    const text =
      '# written by Docker\n127.0.0.1\tlocalhost\n169.254.1.2 Host.docker.internal gateway # podman\n' +
      '0:0:0:0:0:0:0:1 gateway\n10.0.0.300 wrong\nfe80::1%eth0 zoned\n10.0.0.9\n';
    const folder = await temporaryFolder(t, { hosts: text });
    const { dns, lookup } = await start(t, { hostsFile: join(folder, 'hosts') });
    for (const name of ['host.docker.internal', 'gateway', 'wrong', 'zoned']) dns.setA(name, ['10.0.0.1']);
    assert.deepEqual(await lookup.addresses('host.docker.internal'), found('169.254.1.2'));
    assert.deepEqual(await lookup.addresses('gateway'), found('169.254.1.2', '::1'));
    assert.deepEqual(await lookup.addresses('localhost'), found('127.0.0.1'));
    assert.equal(dns.questions.length, 0);
    assert.deepEqual(await lookup.addresses('wrong'), found('10.0.0.1'));
    assert.deepEqual(await lookup.addresses('zoned'), found('10.0.0.1'));
  });

  test('follow the file: written anew, replaced, removed', async (t) => {
    const folder = await temporaryFolder(t, { hosts: '10.0.0.1 api\n', next: '10.0.0.3 api\n' });
    const file = join(folder, 'hosts');
    const { lookup } = await start(t, { hostsFile: file });
    assert.deepEqual(await lookup.addresses('api'), found('10.0.0.1'));
    await writeFile(file, '10.0.0.1 api\n10.0.0.2 api\n');
    assert.deepEqual(await lookup.addresses('api'), found('10.0.0.1', '10.0.0.2'));
    await rename(join(folder, 'next'), file);
    assert.deepEqual(await lookup.addresses('api'), found('10.0.0.3'));
    await rm(file);
    assert.deepEqual(await lookup.addresses('api'), { kind: 'unknown' });
  });

  test('are localhost and what is below it', async (t) => {
    const { dns, lookup } = await start(t, { interfaces: () => ({ lo: [LOOPBACK_6] }) });
    dns.setA('api.localhost', ['10.0.0.1']);
    assert.deepEqual(await lookup.addresses('localhost'), found('127.0.0.1', '::1'));
    assert.deepEqual(await lookup.addresses('api.localhost'), found('127.0.0.1', '::1'));
    assert.equal(dns.questions.length, 0);
  });
});

// getaddrinfo reads 127.1 as an address (inet_aton) whatever the machine's DNS says: a name for it to find.
suite('the system', () => {
  test('is asked about what DNS does not know', async (t) => {
    const { dns, lookup } = await start(t, { askSystem: true });
    const answers = await Promise.all([lookup.addresses('127.1'), lookup.addresses('127.2')]);
    assert.deepEqual(answers, [found('127.0.0.1'), found('127.0.0.2')]);
    assert.equal(dns.asked('127.1'), 2);
  });

  test('is not believed with a link-local address either', async (t) => {
    const { lookup } = await start(t, { askSystem: true });
    const refused = [{ address: '169.254.0.1', reason: 'link-local' }];
    assert.deepEqual(await lookup.addresses('169.254.1'), { ...found(), refused });
  });

  test('is not asked when the operator named the servers', async (t) => {
    const { lookup } = await start(t);
    assert.deepEqual(await lookup.addresses('127.1'), { kind: 'unknown' });
  });

  test('is not asked about a name that DNS knew before, nor when DNS failed', async (t) => {
    const { dns, lookup } = await start(t, { askSystem: true });
    dns.setA('127.1', ['10.0.0.1']);
    assert.deepEqual(await lookup.addresses('127.1'), found('10.0.0.1'));
    dns.setA('127.1', []);
    assert.deepEqual(await lookup.addresses('127.1'), { kind: 'unknown' });
    dns.fail('127.2', 'SERVFAIL');
    assert.equal((await lookup.addresses('127.2')).kind, 'failed');
  });
});

suite('SRV records', () => {
  test('come sorted by priority, and weigh at least 1', async (t) => {
    const { dns, lookup } = await start(t);
    dns.setSrv('_http._tcp.api', [
      { target: 'B.internal', port: 81, priority: 10, weight: 0 },
      { target: 'a.internal', port: 80, priority: 20, weight: 5 },
      { target: 'a.internal', port: 82, priority: 10, weight: 7 },
    ]);
    assert.deepEqual(await lookup.records('_http._tcp.api'), {
      kind: 'found',
      records: [
        { name: 'a.internal', port: 82, priority: 10, weight: 7 },
        { name: 'b.internal', port: 81, priority: 10, weight: 1 },
        { name: 'a.internal', port: 80, priority: 20, weight: 5 },
      ],
    });
  });

  test('with the target "." say that there is no such service', async (t) => {
    const { dns, lookup } = await start(t);
    dns.setSrv('_http._tcp.api', [{ target: '.', port: 0 }]);
    assert.deepEqual(await lookup.records('_http._tcp.api'), { kind: 'unknown' });
    assert.deepEqual(await lookup.records('_http._tcp.none'), { kind: 'unknown' });
  });

  test('whose target is no host name are left out: nobody could be asked under it', async (t) => {
    const { dns, lookup } = await start(t);
    const good = { target: 'a.internal', port: 80, priority: 1, weight: 1 };
    for (const target of ['300.1.1.1', 'x.0x', '1.2.3.4.5', '10.0.0.1', 'a_b!.internal']) {
      dns.setSrv('_http._tcp.api', [{ ...good, target }, good]);
      const { kind, ...found } = await lookup.records('_http._tcp.api');
      assert.equal(kind, 'found');
      const expected = [{ name: 'a.internal', port: 80, priority: 1, weight: 1 }];
      assert.deepEqual(found, { records: expected }, target);
    }
  });

  test('may not be answered', async (t) => {
    const { dns, lookup } = await start(t);
    dns.fail('_http._tcp.api', 'SERVFAIL');
    assert.deepEqual(await lookup.records('_http._tcp.api'), { kind: 'failed', detail: 'SRV: ESERVFAIL' });
  });
});

test('closing ends the questions under way', async (t) => {
  const { dns, lookup } = await start(t);
  dns.fail('api', 'silent');
  const answer = lookup.addresses('api');
  await dns.until(() => dns.asked('api') === 2);
  lookup.close();
  assert.deepEqual(await answer, { kind: 'failed', detail: 'A: ECANCELLED, AAAA: ECANCELLED' });
  assert.equal((await lookup.addresses('api')).kind, 'failed');
  assert.equal(dns.asked('api'), 2);
});

async function start(
  t: TestContext,
  options: NameLookupOptions = {},
): Promise<{ dns: DnsServer; lookup: NameLookup }> {
  const dns = await startDnsServer(t);
  const interfaces = () => ({ lo: [LOOPBACK_6], eth0: [ROUTED_6] });
  const lookup = new NameLookup([dns.address], { hostsFile: NO_HOSTS, interfaces, ...options });
  t.after(() => lookup.close());
  return { dns, lookup };
}

function found(...addresses: string[]): NameAnswer {
  return { kind: 'found', addresses, refused: [], missing: null };
}
