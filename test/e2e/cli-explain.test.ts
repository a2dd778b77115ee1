// `explain` on the command line: the answer as text and as JSON, and its exit codes. What it says about other
// configs is tested in `test/gateway/explain.test.ts`.

import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Explanation } from '../../src/gateway/explain.ts';
import { runGateway } from '../support/gateway-process.ts';

async function explainText(...args: string[]): Promise<{ code: number | null; text: string }> {
  const { code, stdout, stderr } = await runGateway(['explain', ...args]);
  assert.equal(stderr, '');
  return { code, text: stdout };
}

async function explainJson(...args: string[]): Promise<Explanation & { code: number | null }> {
  const { code, text } = await explainText('--json', ...args);
  return { ...(JSON.parse(text) as Explanation), code };
}

suite('the Lumira stack', { concurrency: 2 }, () => {
  test('an API path that looks like an image goes to the API', async () => {
    const { code, text } = await explainText('https://oraclelumira.com/api/x.png');
    assert.equal(code, 0);
    for (const part of [
      'GET oraclelumira.com/api/x.png\n',
      'host     hosts["oraclelumira.com"]\n',
      'route    hosts["oraclelumira.com"].routes["/api/*"]\n',
      'matches /api/x.png, and no longer pattern does\n',
      'action   proxy to api\n',
      'http://api-2:3000\n',
      '  /*  spa from main: matches too, but /api/* is more specific\n',
      '  GET /api/x.png HTTP/1.1\n',
      '  x-frame-options: SAMEORIGIN\n',
      '  strict-transport-security: max-age=31536000; includeSubDomains\n',
    ]) {
      assert.ok(text.includes(part), `${JSON.stringify(part)} is not in\n${text}`);
    }
  });

  test('and as JSON', async () => {
    const { code, ...found } = await explainJson('https://oraclelumira.com/api/x.png');
    assert.equal(code, 0);
    assert.equal(found.refusal, null);
    assert.equal(found.host?.name, 'oraclelumira.com');
    assert.deepEqual(found.route, {
      source: 'hosts["oraclelumira.com"].routes["/api/*"]',
      pattern: '/api/*',
      action: 'proxy to api',
      why: 'matches /api/x.png, and no longer pattern does',
    });
    assert.deepEqual(found.others, [
      {
        source: 'hosts["oraclelumira.com"].routes["/*"]',
        pattern: '/*',
        action: 'spa from main',
        why: 'matches too, but /api/* is more specific',
      },
    ]);
    assert.deepEqual(found.replicas?.urls, ['http://api-1:3000', 'http://api-2:3000', 'http://api-3:3000']);
    assert.equal(found.answer, null);
    assert.equal(found.requestToReplica?.[0], 'GET /api/x.png HTTP/1.1');
  });

  test('HSTS is there for https and not for http', async () => {
    const secure = await explainJson('https://oraclelumira.com/');
    const plain = await explainJson('http://oraclelumira.com/');
    const names = ({ policies }: Explanation) => policies!.responseSet.map(([name]) => name);
    assert.ok(names(secure).includes('strict-transport-security'));
    assert.ok(!names(plain).includes('strict-transport-security'));
    assert.ok(secure.requestToReplica!.includes('x-forwarded-proto: https'));
    assert.ok(plain.requestToReplica!.includes('x-forwarded-proto: http'));
  });

  test('what the gate refuses is one line, and exit code 1', async () => {
    const { code, text } = await explainText('http://oraclelumira.com/a/../b');
    assert.equal(code, 1);
    assert.equal(text, 'refused at the gate: 400 BAD_TARGET. The request target is not a valid path.\n');
  });

  test('an unknown host is named, and exit code 1', async () => {
    const { code, text } = await explainText('http://deep.desk.oraclelumira.com/');
    assert.equal(code, 1);
    assert.match(
      text,
      /^No host of the config answers for deep\.desk\.oraclelumira\.com: 404 HOST_UNKNOWN\.$/m,
    );
  });

  test('method and headers count, and Host asks for another name, as with curl', async () => {
    const found = await explainJson(
      ...['http://127.0.0.1:8080/api/x', '--header', 'Host: oraclelumira.com', '--method', 'post'],
      ...['--header', 'X-Kept: 1', '--header', 'X_Dropped: 1'],
    );
    assert.equal(found.request?.host, 'oraclelumira.com');
    const head = found.requestToReplica!;
    assert.deepEqual(head.slice(0, 3), ['POST /api/x HTTP/1.1', 'host: oraclelumira.com', 'X-Kept: 1']);
    const { code, text } = await explainText('http://oraclelumira.com/app', '--method', 'POST');
    assert.equal(code, 0);
    assert.match(text, /^answer {3}405, given by the gateway itself$/m);
    assert.doesNotMatch(text, /sent to the replica/);
  });
});
