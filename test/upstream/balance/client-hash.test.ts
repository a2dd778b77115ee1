// One number for one client, however its address is written.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clientHash } from '../../../src/upstream/balance/client-hash.ts';
import { SeededRandom } from '../../routing/seeded-random.ts';

test('IPv4 counts whole', () => {
  const seen = new Set<number>();
  for (let i = 0; i < 65_536; i++) seen.add(clientHash(`192.168.${i >> 8}.${i & 255}`));
  assert.equal(seen.size, 65_536);
  assert.equal(clientHash('1.2.3.4'), clientHash('::ffff:1.2.3.4'));
  assert.equal(clientHash('1.2.3.4'), clientHash('::FFFF:1.2.3.4'));
  assert.equal(clientHash('1.2.3.4'), clientHash('::ffff:102:304'));
  assert.equal(clientHash('1.2.3.4'), clientHash('0:0:0:0:0:ffff:0102:0304'));
  assert.notEqual(clientHash('1.2.3.4'), clientHash('::1.2.3.4'));
});

test('IPv6 counts up to the /64', () => {
  for (const same of [
    ['2001:db8::1', '2001:0DB8:0000:0000:0000:0000:0000:0001', '2001:db8:0:0:ffff::', '2001:db8::1.2.3.4'],
    ['1:0:2:3::', '1:0:2:3:4:5:6:7', '1::2:3:4:5:6:7', '1::2:3:4:5:1.2.3.4', '1:0:2:3::%eth0'],
    ['::', '::1', '0:0:0:0::', '::9:9:9:9', '0::5'],
    ['::1:2:3:4:5:6:7', '0:1:2:3::'],
    ['fe80::1%eth0', 'fe80::2%1', 'fe80::'],
  ]) {
    const [first] = same;
    for (const address of same) assert.equal(clientHash(address), clientHash(first!), address);
  }
  const distinct = [
    '1::',
    '0:1::',
    '0:0:1::',
    '0:0:0:1::',
    '::',
    '1:1::',
    '1:2:3:4::',
    '1:2:3:5::',
    '2:1:3:4::',
  ];
  assert.equal(new Set(distinct.map(clientHash)).size, distinct.length);
});

test('every way to write an address gives the same, against groups that are known', () => {
  const random = new SeededRandom(6);
  for (let i = 0; i < 5000; i++) {
    // Zeros are what makes the notations differ.
    const groups = Array.from({ length: 8 }, () => (random.below(2) === 0 ? 0 : random.below(0x10000)));
    const full = groups.map((group) => group.toString(16).padStart(4, '0')).join(':');
    const short = new URL(`http://[${full}]`).hostname.slice(1, -1);
    assert.equal(clientHash(short), clientHash(full.toUpperCase()), `${short} ${full}`);
    const other = [...groups.slice(0, 4), 1, 2, 3, 4].map((group) => group.toString(16)).join(':');
    if (groups.slice(0, 6).join() !== '0,0,0,0,0,65535') assert.equal(clientHash(other), clientHash(full));
  }
});

test('takes any text, and is the same for the same', () => {
  for (const text of [
    '',
    ':',
    ':::::::::::::::::',
    'x',
    '%',
    '1.2',
    '999.999.999.999',
    '::%',
    '.:',
    '12345678:9:',
  ]) {
    const before = clientHash(text);
    clientHash('ffff:eeee:dddd:cccc:bbbb:aaaa:9999:8888');
    assert.equal(clientHash(text), before, text);
    assert.equal(before, before | 0);
  }
});
