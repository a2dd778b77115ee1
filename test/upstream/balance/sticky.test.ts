// Tokens that say nothing and cannot be made up, and the cookies that carry them.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { suite, test } from 'node:test';
import { Sticky } from '../../../src/upstream/balance/sticky.ts';
import { candidates } from './candidates.ts';

suite('tokens', () => {
  test('are the keyed hash of upstream and address', () => {
    const [replica] = candidates([1]);
    const sticky = new Sticky('api_replica', 'secret', 'api');
    const hmac = createHmac('sha256', 'secret').update('api\nhttp://api-1:3000').digest('base64url');
    assert.equal(sticky.tokenOf(replica!), hmac.slice(0, 22));
    assert.match(sticky.tokenOf(replica!), /^[\w-]{22}$/);
  });

  test('are the same after a restart, and others for another secret, upstream or address', () => {
    const [a, b] = candidates([1, 1]);
    const token = new Sticky('c', 'secret', 'api').tokenOf(a!);
    assert.equal(new Sticky('other', 'secret', 'api').tokenOf(candidates([1], 99)[0]!), token);
    assert.notEqual(new Sticky('c', 'secret', 'api').tokenOf(b!), token);
    assert.notEqual(new Sticky('c', 'secret', 'web').tokenOf(a!), token);
    assert.notEqual(new Sticky('c', 'Secret', 'api').tokenOf(a!), token);
  });
});

suite('cookies', () => {
  test('are HttpOnly and SameSite=Lax, and Secure on TLS', () => {
    const [replica] = candidates([1]);
    const sticky = new Sticky('api_replica', 'secret', 'api');
    const plain = `api_replica=${sticky.tokenOf(replica!)}; Path=/; HttpOnly; SameSite=Lax`;
    assert.equal(sticky.setCookie(replica!, false), plain);
    assert.equal(sticky.setCookie(replica!, true), `${plain}; Secure`);
  });

  test('bring back to the replica they name', () => {
    const all = candidates([1, 1, 1]);
    const sticky = new Sticky('api_replica', 'secret', 'api');
    for (const replica of all) {
      const token = sticky.tokenOf(replica);
      assert.equal(sticky.find(`api_replica=${token}`, all), replica);
      assert.equal(sticky.find(`a=b; api_replica="${token}"; c=d`, all), replica);
      assert.equal(sticky.find(sticky.setCookie(replica, true), all), replica);
      assert.equal(sticky.find(`xapi_replica=${token}`, all), null);
      assert.equal(sticky.find(`api_replica2=${token}`, all), null);
      assert.equal(sticky.find(`api_replica=${token.slice(0, -1)}`, all), null);
      assert.equal(sticky.find(`api_replica=${token}A`, all), null);
    }
    for (const field of [undefined, '', 'api_replica=', 'api_replica', 'api_replica=http://api-1:3000']) {
      assert.equal(sticky.find(field, all), null);
    }
  });

  test('the first of the name counts, also where it is worth nothing', () => {
    const all = candidates([1, 1]);
    const sticky = new Sticky('c', 'secret', 'api');
    const [a, b] = all.map((replica) => sticky.tokenOf(replica));
    assert.equal(sticky.find(`c=${a}; c=${b}`, all), all[0]);
    assert.equal(sticky.find(`c=${b}; c=${a}`, all), all[1]);
    assert.equal(sticky.find(`c=old; c=${a}`, all), null);
  });

  test('that name a replica which may not be asked bring to none', () => {
    const all = candidates([1, 1, 1]);
    const sticky = new Sticky('c', 'secret', 'api');
    const field = `c=${sticky.tokenOf(all[2]!)}`;
    assert.equal(sticky.find(field, all.slice(0, 2)), null);
    assert.equal(sticky.find(field, all, 2), null);
    assert.equal(sticky.find(field, all, 3), all[2]);
    assert.equal(sticky.find(field, []), null);
  });

  test('are found in 8 KB of others', () => {
    const all = candidates([1, 1, 1]);
    const sticky = new Sticky('api_replica', 'secret', 'api');
    const others = Array.from({ length: 250 }, (_, i) => `api_replica_${i}=${'x'.repeat(16)}`).join('; ');
    assert.ok(others.length > 8192);
    assert.equal(sticky.find(`${others}; api_replica=${sticky.tokenOf(all[1]!)}`, all), all[1]);
    assert.equal(sticky.find(others, all), null);
  });
});

test('an address that left and came back under another number is the same replica to its clients', () => {
  const before = candidates([1, 1]);
  const after = candidates([1, 1], 10);
  const sticky = new Sticky('c', 'secret', 'api');
  sticky.update(before);
  const field = `c=${sticky.tokenOf(before[1]!)}`;
  assert.equal(sticky.find(field, before), before[1]);
  sticky.update(after);
  assert.equal(sticky.find(field, after), after[1]);
});
