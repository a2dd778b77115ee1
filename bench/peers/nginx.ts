// nginx as someone who knows it would set it up: one worker, sendfile, open_file_cache, upstream keep-alive.

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

// add_header in a location drops those of the level above, so every location gets the whole list.
const securityHeaders = Object.entries(SECURITY_HEADERS)
  .map(([name, value]) => `add_header ${name} "${value}" always;`)
  .join(' ');

const configuration = ({ port, originPort, site, folder }: Place) => `
worker_processes 1;
daemon off;
pid ${folder}/nginx.pid;
error_log stderr warn;
# Started by root the worker would become nobody, who may not read the temporary folder.
${process.getuid?.() === 0 ? 'user root;' : ''}
events { worker_connections 4096; }
http {
  types { text/html html; text/javascript js; application/json json; }
  default_type application/octet-stream;
  access_log off;
  server_tokens off;
  sendfile on;
  tcp_nopush on;
  open_file_cache max=1000 inactive=60s;
  open_file_cache_valid 60s;
  keepalive_timeout 75s;
  # The default closes a connection after 1,000 requests.
  keepalive_requests 1000000000;
  gzip on;
  gzip_comp_level 6;
  gzip_min_length 1024;
  gzip_vary on;
  gzip_types text/javascript application/json;
  client_max_body_size 10m;
  client_body_buffer_size 64k;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${folder}/${kind};`).join(' ')}
  upstream origin {
    server 127.0.0.1:${originPort};
    keepalive 64;
    keepalive_requests 1000000000;
  }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    server_name ${HOST};
    root ${site.root};
    location /api/ {
      proxy_pass http://origin;
      proxy_http_version 1.1;
      # Streamed both ways like every other peer here; the default would spool bodies to disk.
      proxy_request_buffering off;
      proxy_max_temp_file_size 0;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_set_header X-Real-IP $remote_addr;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-Host $http_host;
      ${securityHeaders}
    }
    location /assets/ {
      ${securityHeaders} add_header Cache-Control "${IMMUTABLE}" always;
    }
    location / {
      try_files $uri /index.html;
      ${securityHeaders} add_header Cache-Control "${REVALIDATED_ALWAYS}" always;
    }
  }
}
`;

export const nginx: Peer = {
  name: 'nginx',
  serves: ['proxy', 'site'],
  version: () => printedVersion('nginx', '-v'),
  launch(place) {
    const file = join(place.folder, 'nginx.conf');
    writeFileSync(file, configuration(place));
    return { command: ['nginx', '-e', 'stderr', '-p', place.folder, '-c', file] };
  },
};
