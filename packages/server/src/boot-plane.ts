import { networkInterfaces } from 'node:os';
import type { Log, Service } from './app/ports.js';
import { createBootApplication, type BootApplication } from './boot-plane/application.js';
import { createCounters, type CounterValue } from './boot-plane/counters.js';
import { leaseStoreFor, wireDhcp } from './boot-plane/dhcp.js';
import { createDhcpService } from './boot-plane/dhcp-service.js';
import { followInterfaces } from './boot-plane/follow-interfaces.js';
import {
  dhcpSettings,
  presentAddresses,
  servedAddresses,
  tftpSettings,
  type ServedAddress,
} from './boot-plane/settings.js';
import { createNbd } from './boot-plane/nbd.js';
import { readNbdTls } from './boot-plane/nbd-tls.js';
import { readTlsFiles } from './boot-plane/tls-files.js';
import { wireTftp } from './boot-plane/tftp.js';
import type { Settings } from './config.js';
import { createDhcpListener, systemTimers } from './listeners/dhcp/index.js';
import { createBootHttpServer, type BootHttpServer } from './listeners/http/boot/index.js';
import { createTftpListener } from './listeners/tftp/index.js';

export interface BootPlane extends Service {
  /** Where boards fetch over HTTP. */
  urls(): readonly string[];
  /** For /metrics, which the control plane serves. */
  counters(): readonly CounterValue[];
}

/**
 * Composition root of the boot plane: speaks to boards over DHCP, TFTP and HTTP, and goes on with what it was told while the control plane is away. See
 * docs/boot-flow.md.
 */
export const createBootPlane = ({
  settings,
  log,
}: {
  settings: Settings;
  log: Log;
  signal: AbortSignal;
}): BootPlane => {
  /** What runs, in the order it was started. */
  const running: { stop(): Promise<void> }[] = [];
  const counters = createCounters();
  let http: BootHttpServer | undefined;

  const stop = async (): Promise<void> => {
    for (let part = running.pop(); part !== undefined; part = running.pop()) {
      await part
        .stop()
        .catch((error: unknown) => log.error({ err: error }, 'a part of the boot plane did not stop in order'));
    }
  };
  const begin = async (service: Service, signal: AbortSignal): Promise<void> => {
    running.push(service);
    await service.start(signal);
  };

  return {
    urls: () => http?.urls() ?? [],
    counters: () => counters.read(),
    stop,
    start: async (signal) => {
      const first = servedAddresses(settings.boot.interfaces, networkInterfaces());
      const app = await createBootApplication(settings, log, () => http?.port() ?? 0);
      running.push({ stop: () => app.close() });
      counters.watch(app.telemetry, app.imageCache);
      for (const service of app.services) await begin(service, signal);
      const nbd = createNbd({
        settings: settings.boot.nbd,
        tls: await readNbdTls(settings.boot.nbd.tls),
        ...{ exports: app.exports, note: app.note, counted: counters.detached, log },
      });
      await begin(nbd, signal);
      http = await createBootHttp(settings, log, app, () => nbd.addresses()[0]?.port ?? 0);
      await begin(http, signal);
      const datagrams = { settings, log, app, first, onEnd: counters.ended };
      for (const service of datagramServices(datagrams)) await begin(service, signal);
    },
  };
};

const createBootHttp = async (
  { boot }: Settings,
  log: Log,
  { files, device, cards, localPath, exports }: BootApplication,
  nbdPort: () => number,
): Promise<BootHttpServer> => {
  const { listen, downloadRate, tls } = boot.http;
  return createBootHttpServer({
    files,
    api: device,
    cards,
    localPath,
    exports: { port: nbdPort, nameFor: (session, what) => exports.nameFor(session, what) },
    ...{ listen, downloadRate, clock: { now: () => Date.now() }, log },
    tls: tls && { listen: tls.listen, ...(await readTlsFiles('boot.http.tls', tls)) },
  });
};

interface Datagrams {
  readonly settings: Settings;
  readonly log: Log;
  readonly app: BootApplication;
  readonly first: readonly ServedAddress[];
  readonly onEnd: Parameters<typeof wireTftp>[0]['onEnd'];
}

/** DHCP and TFTP, and what has them follow the machine's interfaces, in the order they are started. */
function datagramServices({ settings: { boot, site }, log, app, first, onEnd }: Datagrams): Service[] {
  if (first.length === 0) log.warn({}, 'no network interface is up: boards are served as soon as there is one');
  const tftp = createTftpListener({
    settings: tftpSettings(boot, first),
    ...wireTftp({ files: app.files, rules: app.rules, onEnd }),
    timers: systemTimers,
    log,
  });
  const dhcp = createDhcpService({
    mode: boot.dhcp.mode,
    first,
    create: (served) =>
      createDhcpListener({
        settings: dhcpSettings(boot, served),
        ...wireDhcp({
          answers: app.answers,
          site,
          mode: boot.dhcp.mode,
          offerUnknown: boot.offerUnknown,
          interfaces: () => following.served(),
          serverAddress: boot.serverAddress,
        }),
        timers: systemTimers,
        epochSeconds: () => Math.floor(Date.now() / 1000),
        leases: leaseStoreFor(app.leases, site),
        log,
      }),
  });
  // A board asks for its files as soon as it was answered: TFTP first.
  const following = followInterfaces({
    first,
    present: () => presentAddresses(boot.interfaces, networkInterfaces()),
    listeners: [{ serve: (served) => tftp.serve(served.map(({ address }) => address)) }, dhcp],
    timers: systemTimers,
    log,
  });
  return [tftp, dhcp, following];
}
