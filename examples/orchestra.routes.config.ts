// The Orchestr'A stack: a React application, a NestJS API and MinIO, behind one front door.
// Replace orchestra.example.com by your own name.
import { defineGateway } from '../src/config/contract.ts';

// The values of the frontend's nginx, now on every answer of the host, API replies and errors included.
const security = {
  frameOptions: 'SAMEORIGIN',
  contentTypeOptions: 'nosniff',
  xssProtection: '1; mode=block',
  referrerPolicy: 'strict-origin-when-cross-origin',
};

// A deploy replaces containers. Visitors who come in the gap wait this long for the new ones instead of seeing an error.
const hold = '5s';

export default defineGateway({
  listen: { http: 80, https: false },

  upstreams: {
    frontend: { replicas: ['http://frontend:80'], health: '/health' },
    // Not /api/health/db: a blip of the database would take the backend out, where most pages can do without.
    backend: { replicas: ['http://backend:4000'], health: '/api/health' },
    'minio-api': {
      replicas: ['http://minio:9000'],
      health: '/minio/health/live',
      timeouts: { idle: '5m' }, // large files take their time
    },
    'minio-console': { replicas: ['http://minio:9001'], health: '/' }, // its log is a WebSocket, which passes as it is
  },

  hosts: {
    'orchestra.example.com': {
      policies: { security, compress: { encodings: ['gzip'], minSize: '1kb' }, hold },
      routes: {
        '/api/*': { proxy: 'backend' },
        // Everything below /static carries a hash in its name, so browsers may keep it for a year.
        '/*': { spa: { upstream: 'frontend', immutable: ['/static/*'] } },
      },
    },
    'minio.orchestra.example.com': {
      policies: { security, hold },
      routes: { '/*': { proxy: 'minio-console' } },
    },
    // Signed links hold for one host name and one sequence of bytes: the name is passed on (the default), the
    // bytes are left alone. Documents are shown in frames of the application, so nothing forbids frames here.
    'files.orchestra.example.com': {
      policies: { security: false, compress: false, hold },
      routes: { '/*': { proxy: 'minio-api' } },
    },
  },
});
