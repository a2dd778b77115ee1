// What `explain` says about a split is the side that it rehearsed, and why.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatExplanation } from '../../src/commands/explanation-text.ts';
import { resolveConfig } from '../../src/config/resolve.ts';
import { explainRequest } from '../../src/gateway/explain.ts';

function explain(by: 'client' | 'exchange', headers: [name: string, value: string][] = []) {
  const { config, problems } = resolveConfig(
    {
      listen: { http: 8080, https: false },
      upstreams: {
        stable: { replicas: ['http://127.0.0.1:9001'] },
        canary: { replicas: ['http://127.0.0.1:9002'], balance: 'hash-client' },
      },
      hosts: {
        'a.test': {
          routes: {
            '/*': {
              proxy: {
                split: { stable: 50, canary: 50 },
                by,
                override: { header: 'X-Version', cookie: 'version' },
                hostHeader: 'replica',
              },
            },
          },
        },
      },
    },
    { baseDir: '/' },
  );
  assert.deepEqual(problems, []);
  const asked = { secure: false, authority: 'a.test', target: '/x', method: 'GET', headers };
  return explainRequest(config!, asked);
}

/** The replica that the rehearsed head is for. */
const PORTS: Record<string, string> = { stable: '9001', canary: '9002' };

test('an override is named, and the head goes to its replica with the header in it', () => {
  const found = explain('client', [['X-Version', 'canary']]);
  assert.equal(
    found.route?.action,
    'split by client: 50 % to stable, 50 % to canary; this one to canary: header x-version names it',
  );
  assert.deepEqual(found.replicas?.upstream, 'canary');
  assert.ok(found.requestToReplica?.includes('host: 127.0.0.1:9002'), String(found.requestToReplica));
  assert.ok(found.requestToReplica?.some((line) => line.toLowerCase() === 'x-version: canary'));
  assert.match(formatExplanation(found), /^action {3}split by client: .*; this one to canary: header/m);
  const byCookie = explain('client', [['Cookie', 'version=stable']]);
  assert.match(byCookie.route!.action, /; this one to stable: cookie version names it$/);
  assert.equal(byCookie.replicas?.upstream, 'stable');
});

test('a client has its side', () => {
  const { route, replicas } = explain('client');
  assert.match(route!.action, /this one to (stable|canary): client 203\.0\.113\.7 stands at [\d.]+ of 100$/);
  assert.equal(explain('client').replicas?.upstream, replicas?.upstream);
});

test('what is drawn is what is rehearsed', () => {
  const seen = new Set<string>();
  for (let i = 0; i < 200 && seen.size < 2; i++) {
    const { route, replicas, requestToReplica } = explain('exchange');
    const { upstream } = replicas!;
    seen.add(upstream);
    assert.match(route!.action, new RegExp(`; this one to ${upstream}: this exchange was drawn at `));
    assert.ok(requestToReplica?.includes(`host: 127.0.0.1:${PORTS[upstream]}`), String(requestToReplica));
  }
  assert.equal(seen.size, 2);
});
