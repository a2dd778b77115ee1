// HAProxy with one thread. It serves no files, so it is in the proxy scenarios only.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Peer, type Place, printedVersion, SECURITY_HEADERS } from './peer.ts';

const securityHeaders = Object.entries(SECURITY_HEADERS)
  .map(([name, value]) => `  http-response set-header ${name} ${value}`)
  .join('\n');

const configuration = ({ port, originPort }: Place) => `
global
  nbthread 1
  maxconn 4096
defaults
  mode http
  timeout connect 3s
  timeout client 75s
  timeout server 60s
  timeout http-keep-alive 75s
  option http-keep-alive
  http-reuse always
frontend gateway
  bind 127.0.0.1:${port} backlog 4096
  http-request set-header X-Forwarded-For %[src]
  http-request set-header X-Real-IP %[src]
  http-request set-header X-Forwarded-Proto http
  http-request set-header X-Forwarded-Host %[req.hdr(host)]
${securityHeaders}
  default_backend origin
backend origin
  server origin 127.0.0.1:${originPort}
`;

export const haproxy: Peer = {
  name: 'haproxy',
  serves: ['proxy'],
  version: () => printedVersion('haproxy', '-v'),
  launch(place) {
    const file = join(place.folder, 'haproxy.cfg');
    writeFileSync(file, configuration(place));
    return { command: ['haproxy', '-db', '-f', file] };
  },
};
