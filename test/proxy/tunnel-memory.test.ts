// WS-05: 2,000 tunnels whose readers do not read hold about a read or two each, and a long stream holds nothing.
// In a network of its own with small buffers in the kernel: with the usual ones it would take gigabytes before the
// gateway was left with a byte.
// Where no network namespace can be made, fewer tunnels run with the kernel's usual buffers, which shows less.
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import type { CrowdReport } from './tunnel-crowd.ts';

const KB = 1024;
const SMALL_BUFFERS =
  'ip link set lo up && echo "4096 16384 32768" >/proc/sys/net/ipv4/tcp_wmem && ' +
  'echo "4096 131072 131072" >/proc/sys/net/ipv4/tcp_rmem && exec "$@"';
const UNSHARE = process.getuid!() === 0 ? ['-n'] : ['-rn'];

function canUnshare(): boolean {
  return spawnSync('unshare', [...UNSHARE, 'sh', '-c', SMALL_BUFFERS, 'sh', 'true']).status === 0;
}

const carriers = [
  { title: 'in a process that does nothing else', argument: 'joint', slack: 0 },
  // Its garbage is collected when it likes, and each tunnel is an exchange as well.
  { title: 'through the whole gateway', argument: 'gateway', slack: 24 * KB },
];

for (const { title, argument, slack } of carriers) {
  test(`memory stays flat and small, ${title}`, async (t) => {
    const apart = canUnshare();
    if (!apart) t.diagnostic('no network namespaces here: 500 tunnels with large buffers in the kernel');
    const tunnels = apart ? 2000 : 500;
    const node = [process.execPath, join(import.meta.dirname, 'tunnel-crowd.ts'), String(tunnels), argument];
    const [program, ...args] = apart
      ? ['unshare', ...UNSHARE, 'sh', '-c', SMALL_BUFFERS, 'sh', ...node]
      : node;
    const { stdout } = await promisify(execFile)(program!, args, { timeout: 300_000 });
    const report = JSON.parse(stdout) as CrowdReport;
    t.diagnostic(stdout.trim());
    for (const { sent, arrived } of report.received) assert.equal(arrived, sent, 'every byte arrived');
    assert.ok(
      report.toClients < 48 * KB + slack,
      `${report.toClients} bytes for each client that does not read`,
    );
    // One read that the replica has not taken, and one that was under way when the client was paused.
    assert.ok(
      report.toReplicas < 160 * KB + slack,
      `${report.toReplicas} bytes for each replica that does not read`,
    );
    assert.ok(report.single < 32 * KB * KB, `${report.single} bytes for 200 MB to one slow reader`);
    assert.deepEqual([report.opened, report.closed], [tunnels + 1, tunnels + 1]);
  });
}
