// Caddy on one Go processor, without TLS, admin endpoint and access log.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { HOST } from '../scenarios.ts';
import {
  IMMUTABLE,
  type Peer,
  type Place,
  printedVersion,
  REVALIDATED_ALWAYS,
  SECURITY_HEADERS,
} from './peer.ts';

const securityHeaders = Object.entries(SECURITY_HEADERS)
  .map(([name, value]) => `    ${name} ${value}`)
  .join('\n');

const configuration = ({ port, originPort, site }: Place) => `
{
  admin off
  auto_https off
}
http://${HOST}:${port} {
  bind 127.0.0.1
  header {
${securityHeaders}
  }
  handle /api/* {
    reverse_proxy 127.0.0.1:${originPort} {
      header_up X-Real-IP {remote_host}
      transport http {
        compression off
        keepalive_idle_conns_per_host 64
      }
    }
  }
  handle {
    root * ${site.root}
    encode {
      gzip 6
      minimum_length 1024
    }
    @assets path /assets/*
    @pages not path /assets/*
    header @assets Cache-Control "${IMMUTABLE}"
    header @pages Cache-Control "${REVALIDATED_ALWAYS}"
    try_files {path} /index.html
    file_server
  }
}
`;

export const caddy: Peer = {
  name: 'caddy',
  serves: ['proxy', 'site'],
  version: () => printedVersion('caddy', 'version'),
  launch(place) {
    const file = join(place.folder, 'Caddyfile');
    writeFileSync(file, configuration(place));
    return {
      command: ['caddy', 'run', '--adapter', 'caddyfile', '--config', file],
      env: {
        GOMAXPROCS: '1',
        HOME: place.folder,
        XDG_CONFIG_HOME: place.folder,
        XDG_DATA_HOME: place.folder,
      },
    };
  },
};
