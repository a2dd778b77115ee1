# The gateway's image: Node, production dependencies, sources, the configuration. There is no build step,
# because Node runs the TypeScript itself. deploy/check-image.ts checks this file without a Docker engine.

FROM node:26-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev

FROM node:26-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=dependencies /app/node_modules ./node_modules
COPY package.json routes.config.ts ./
COPY src ./src
COPY deploy/healthcheck.ts ./deploy/
# A volume mounted here takes over the owner, so that the gateway can write its certificates.
RUN mkdir certs && chown node:node certs

# Ports 80 and 443 need neither root nor setcap: since version 20.10 Docker starts containers with
# net.ipv4.ip_unprivileged_port_start=0. Elsewhere set that sysctl, as docker-compose.yml does.
USER node
EXPOSE 80 443
STOPSIGNAL SIGTERM
# The port is that of `listen.http`.
HEALTHCHECK --interval=10s --timeout=3s --start-period=15s --retries=3 CMD ["node", "deploy/healthcheck.ts", "80"]
CMD ["node", "src/main.ts", "start"]
