import { networkInterfaces } from 'node:os';
import { createProcessFigures, type ProcessFigures } from './adapters/system/index.js';
import type { Log, Service } from './app/ports.js';
import { createBootApplication, type BootApplication } from './boot-plane/application.js';
import { createCounters, type Counters, type CounterValue } from './boot-plane/counters.js';
import { leaseStoreFor, wireDhcp } from './boot-plane/dhcp.js';
import { createDhcpService } from './boot-plane/dhcp-service.js';
import { followInterfaces, type Following } from './boot-plane/follow-interfaces.js';
import {
  dhcpSettings,
  presentAddresses,
  servedAddresses,
  tftpSettings,
  type ServedAddress,
} from './boot-plane/settings.js';
import { createNbd } from './boot-plane/nbd.js';
import { createNetworkWatch, type NetworkState, type NetworkWatch } from './boot-plane/network-state.js';
import { readNbdTls } from './boot-plane/nbd-tls.js';
import { readTlsFiles } from './boot-plane/tls-files.js';
import { wireTftp } from './boot-plane/tftp.js';
import type { Settings } from './config.js';
import { createDhcpListener, systemTimers } from './listeners/dhcp/index.js';
import { createBootHttpServer, type BootHttpServer } from './listeners/http/boot/index.js';
import { createLogListener, defaultLogRates } from './listeners/logs/index.js';
import { createTftpListener } from './listeners/tftp/index.js';

export interface BootPlane extends Service {
  /** Where boards fetch over HTTP. */
  urls(): readonly string[];
  /** For /metrics, which the control plane serves. */
  counters(): readonly CounterValue[];
  /** For the network doctor, which the control plane answers. */
  network(): NetworkState;
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
  const figures = createProcessFigures();
  const counters = createCounters();
  const watch = createNetworkWatch(() => Date.now());
  let following: Following | undefined;
  let http: BootHttpServer | undefined;

  const stop = async (): Promise<void> => {
    for (let part = running.pop(); part !== undefined; part = running.pop()) {
      await part
        .stop()
        .catch((error: unknown) => log.error({ err: error }, 'a part of the boot plane did not stop in order'));
    }
    figures.close();
  };
  const begin = async (service: Service, signal: AbortSignal): Promise<void> => {
    running.push(service);
    await service.start(signal);
  };

  return {
    urls: () => http?.urls() ?? [],
    counters: () => [...counters.read(), ...planeGauges(figures.read())],
    network: () => watch.read(following?.served() ?? [], following?.refused() ?? []),
    stop,
    start: async (signal) => {
      const first = servedAddresses(settings.boot.interfaces, networkInterfaces());
      const app = await createBootApplication(settings, log, () => http?.port() ?? 0);
      running.push({ stop: () => app.close() });
      counters.watch(app.telemetry, app.imageCache, app.logs);
      for (const service of app.services) await begin(service, signal);
      const nbd = createNbd({
        settings: settings.boot.nbd,
        tls: await readNbdTls(settings.boot.nbd.tls),
        ...{ exports: app.exports, note: app.note, heard: app.heard, counted: counters.detached, log },
      });
      counters.watchDisks(nbd);
      await begin(nbd, signal);
      http = await createBootHttp(settings, log, app, counters, () => nbd.addresses()[0]?.port ?? 0);
      await begin(http, signal);
      const datagrams = createDatagrams({ settings, log, app, first, watch, onEnd: counters.ended });
      following = datagrams.following;
      for (const service of [...datagrams.listeners, following]) await begin(service, signal);
      const logs = createLogListener({
        ...{ listen: settings.boot.logs.listen, rates: defaultLogRates, timers: systemTimers, log },
        lines: (address, lines) => app.logs.take(address, lines),
        counted: counters.heard,
      });
      await begin(app.logs, signal);
      await begin(logs, signal);
    },
  };
};

/** How the process of the boot plane does, as /metrics names it. */
const planeGauges = ({ residentBytes, loopDelayMs }: ReturnType<ProcessFigures['read']>): CounterValue[] => [
  { name: 'drover_boot_plane_resident_bytes', type: 'gauge', labels: {}, value: residentBytes },
  { name: 'drover_boot_plane_event_loop_delay_seconds', type: 'gauge', labels: {}, value: loopDelayMs / 1000 },
];

const createBootHttp = async (
  { boot }: Settings,
  log: Log,
  { files, device, cards, localPath, exports }: BootApplication,
  counters: Counters,
  nbdPort: () => number,
): Promise<BootHttpServer> => {
  const { listen, downloadRate, tls } = boot.http;
  return createBootHttpServer({
    files,
    api: device,
    cards,
    localPath,
    exports: { port: nbdPort, nameFor: (session, what) => exports.nameFor(session, what) },
    ...{ onAnswered: counters.answered, onBytes: counters.sent },
    ...{ listen, downloadRate, clock: { now: () => Date.now() }, log },
    tls: tls && { listen: tls.listen, ...(await readTlsFiles('boot.http.tls', tls)) },
  });
};

interface Datagrams {
  readonly settings: Settings;
  readonly log: Log;
  readonly app: BootApplication;
  readonly first: readonly ServedAddress[];
  readonly watch: NetworkWatch;
  readonly onEnd: Parameters<typeof wireTftp>[0]['onEnd'];
}

/** DHCP and TFTP in the order they are started, and what has them follow the machine's interfaces. */
function createDatagrams({ settings: { boot, site }, log, app, first, watch, onEnd }: Datagrams): {
  readonly listeners: readonly Service[];
  readonly following: Following;
} {
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
          otherServer: watch.heard,
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
  return { listeners: [tftp, dhcp], following };
}
