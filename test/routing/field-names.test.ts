// Names of fields in any case, and the names that replicas could take for another field.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { Field, fieldOf } from '../../src/routing/field-names.ts';
import { SeededRandom } from './seeded-random.ts';

const NAMES: Record<string, Field> = {
  host: Field.HOST,
  'content-length': Field.CONTENT_LENGTH,
  'transfer-encoding': Field.TRANSFER_ENCODING,
  expect: Field.EXPECT,
  connection: Field.CONNECTION,
  'keep-alive': Field.KEEP_ALIVE,
  'proxy-connection': Field.HOP_BY_HOP,
  'proxy-authorization': Field.HOP_BY_HOP,
  proxy: Field.HOP_BY_HOP,
  te: Field.TE,
  trailer: Field.TRAILER,
  upgrade: Field.UPGRADE,
  'http2-settings': Field.HOP_BY_HOP,
  forwarded: Field.FORWARDED,
  'x-real-ip': Field.FORWARDED,
  'x-original-url': Field.FORWARDED,
  'x-rewrite-url': Field.FORWARDED,
  'x-host': Field.FORWARDED,
  'x-forwarded-for': Field.X_FORWARDED_FOR,
  'x-forwarded-proto': Field.X_FORWARDED_PROTO,
  'x-forwarded-host': Field.X_FORWARDED_HOST,
  'x-forwarded-port': Field.X_FORWARDED_PORT,
  via: Field.VIA,
  etag: Field.ETAG,
  'set-cookie': Field.SET_COOKIE,
  'if-none-match': Field.CONDITIONAL,
  'user-agent': Field.OTHER,
  'x-request-id': Field.OTHER,
  'x-anything-1': Field.OTHER,
  constructor: Field.OTHER,
};

suite('fieldOf', () => {
  for (const [name, field] of Object.entries(NAMES)) {
    test(`${name}, in any case`, () => {
      const random = new SeededRandom(name.length);
      assert.equal(fieldOf(name), field);
      assert.equal(fieldOf(name.toUpperCase()), field);
      for (let i = 0; i < 50; i++) {
        const mixed = [...name].map((c) => (random.below(2) === 0 ? c : c.toUpperCase())).join('');
        assert.equal(fieldOf(mixed), field, mixed);
      }
    });
  }

  // CGI makes one variable of `X-Forwarded-For`, `X_Forwarded_For` and `X.Forwarded.For`.
  for (const name of [
    ...[
      'X_Forwarded_For',
      'x.forwarded.for',
      'X-Forwarded_For',
      'X-Forwarded-For_',
      'Content_Length',
      'Host.',
      '_host',
    ],
    ...[
      'X-Forwarded-For ',
      'x~y',
      "x'y",
      'x!y',
      'x^y',
      'x|y',
      'x`y',
      '__proto__',
      'x\x00',
      'x\xc9',
      '\u212aeep-alive',
    ],
  ]) {
    test(`${JSON.stringify(name)} is an alias, which no replica sees`, () =>
      assert.equal(fieldOf(name), Field.ALIAS));
  }

  test('only letters, digits and dashes are no alias', () => {
    for (let code = 0; code < 256; code++) {
      const char = String.fromCharCode(code);
      const plain = /[A-Za-z0-9-]/.test(char);
      assert.equal(fieldOf(`xq${char}z`) === Field.ALIAS, !plain, JSON.stringify(char));
    }
  });

  test('every forwarded field is one that clients cannot set', () => {
    const names =
      'x-forwarded-for x-forwarded-proto x-forwarded-host x-forwarded-port x-forwarded-prefix x-forwarded-ssl ' +
      'x-real-ip forwarded cf-connecting-ip true-client-ip x-original-url x-rewrite-url x-host';
    for (const name of names.split(' ')) {
      const field = fieldOf(name);
      assert.ok(field >= Field.FORWARDED && field <= Field.X_FORWARDED_PORT, name);
    }
  });
});
