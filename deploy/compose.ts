// Reads docker-compose.yml line by line, as far as this project's own needs it: service names, and which
// of them opens ports. `docker compose config` checks the rest where Docker is installed.

/** Lines of each service, and of everything outside of `services:` under the name ''. */
export function serviceLines(text: string): Map<string, string[]> {
  const services = new Map<string, string[]>([['', []]]);
  let section = '';
  let service = '';
  for (const line of text.split('\n')) {
    if (/^\s*(#|$)/.test(line)) continue;
    if (/^\S/.test(line)) {
      section = line.replace(/:.*/, '');
      service = '';
    }
    const match = section === 'services' ? /^ {2}([\w.-]+):/.exec(line) : null;
    if (match) {
      service = match[1]!;
      services.set(service, []);
    }
    services.get(service)!.push(line);
  }
  return services;
}

/** Faults of the compose file. `replicas` are the URLs that the configuration names. */
export function checkCompose(text: string, replicas: string[]): string[] {
  const problems: string[] = [];
  const report = (problem: string) => problems.push(`docker-compose.yml: ${problem}`);
  const services = serviceLines(text);
  for (const [name, lines] of services) {
    const opens = lines.find((line) => /^\s+(ports:|network_mode:|privileged:)/.test(line));
    if (name === 'gateway') {
      if (!opens?.includes('ports:')) report('the gateway publishes no ports');
      for (const need of ['stop_grace_period:', '/app/routes.config.ts:ro']) {
        if (!lines.some((line) => line.includes(need))) report(`gateway: ${need} is missing`);
      }
    } else if (opens) report(`${name || 'outside of the services'}: "${opens.trim()}"; only the gateway may`);
  }
  if (!services.has('gateway')) report('there is no service "gateway"');
  for (const url of replicas) {
    const { hostname } = new URL(url);
    if (!services.has(hostname))
      report(`routes.config.ts forwards to ${url}, but no service is named "${hostname}"`);
  }
  return problems;
}
