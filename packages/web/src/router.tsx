import { createRootRoute, createRoute, createRouter, lazyRouteComponent, Link, Navigate } from '@tanstack/react-router';
import { App } from './App.js';
import { readAuditSearch } from './access/search.js';
import { readBuildsSearch } from './builds/search.js';
import { readDeviceSearch } from './device/search.js';
import { readEventsSearch } from './events/search.js';
import { readFleetSearch } from './fleet/filter.js';
import { readJobsSearch } from './jobs/search.js';
import { EmptyState } from './ui/EmptyState.js';
import { ProblemNotice } from './ui/Notice.js';
import layout from './ui/layout.module.css';

const root = createRootRoute({ component: App });

const fleet = createRoute({
  getParentRoute: () => root,
  path: '/',
  validateSearch: readFleetSearch,
  component: lazyRouteComponent(() => import('./fleet/FleetPage.js'), 'FleetPage'),
});
/** What is left of the address of a board when its name is cut off. */
const devices = createRoute({
  getParentRoute: () => root,
  path: '/devices',
  component: () => <Navigate to="/" replace />,
});
const device = createRoute({
  getParentRoute: () => root,
  path: '/devices/$ref',
  validateSearch: readDeviceSearch,
  component: lazyRouteComponent(() => import('./device/DevicePage.js'), 'DevicePage'),
});
const images = createRoute({
  getParentRoute: () => root,
  path: '/images',
  component: lazyRouteComponent(() => import('./images/ImagesPage.js'), 'ImagesPage'),
});
const image = createRoute({
  getParentRoute: () => root,
  path: '/images/$ref',
  component: lazyRouteComponent(() => import('./images/ImagePage.js'), 'ImagePage'),
});
const provision = createRoute({
  getParentRoute: () => root,
  path: '/provision',
  validateSearch: (
    search: Record<string, unknown>,
  ): { readonly image?: string; readonly device?: string; readonly request?: string } => ({
    ...(typeof search['image'] === 'string' ? { image: search['image'] } : {}),
    ...(typeof search['device'] === 'string' ? { device: search['device'] } : {}),
    ...(typeof search['request'] === 'string' ? { request: search['request'] } : {}),
  }),
  component: lazyRouteComponent(() => import('./provision/ProvisionPage.js'), 'ProvisionPage'),
});
const start = createRoute({
  getParentRoute: () => root,
  path: '/start',
  component: lazyRouteComponent(() => import('./start/StartPage.js'), 'StartPage'),
});
const audit = createRoute({
  getParentRoute: () => root,
  path: '/audit',
  validateSearch: readAuditSearch,
  component: lazyRouteComponent(() => import('./access/AuditPage.js'), 'AuditPage'),
});
const access = createRoute({
  getParentRoute: () => root,
  path: '/access',
  component: lazyRouteComponent(() => import('./access/AccessPage.js'), 'AccessPage'),
});

const server = createRoute({
  getParentRoute: () => root,
  path: '/server',
  component: lazyRouteComponent(() => import('./server/ServerPage.js'), 'ServerPage'),
});
const doctor = createRoute({
  getParentRoute: () => root,
  path: '/doctor',
  component: lazyRouteComponent(() => import('./doctor/DoctorPage.js'), 'DoctorPage'),
});
const builds = createRoute({
  getParentRoute: () => root,
  path: '/builds',
  validateSearch: readBuildsSearch,
  component: lazyRouteComponent(() => import('./builds/BuildsPage.js'), 'BuildsPage'),
});
const build = createRoute({
  getParentRoute: () => root,
  path: '/builds/$id',
  component: lazyRouteComponent(() => import('./builds/BuildPage.js'), 'BuildPage'),
});
const events = createRoute({
  getParentRoute: () => root,
  path: '/events',
  validateSearch: readEventsSearch,
  component: lazyRouteComponent(() => import('./events/EventsPage.js'), 'EventsPage'),
});
const jobs = createRoute({
  getParentRoute: () => root,
  path: '/jobs',
  validateSearch: readJobsSearch,
  component: lazyRouteComponent(() => import('./jobs/JobsPage.js'), 'JobsPage'),
});

const NotFound = () => (
  <div className={layout['page']}>
    <title>Nothing here · Drover</title>
    <EmptyState icon="search" title="There is nothing at this address" action={<Link to="/">To the fleet</Link>} />
  </div>
);

export const router = createRouter({
  routeTree: root.addChildren([
    fleet,
    devices,
    device,
    images,
    image,
    provision,
    start,
    audit,
    access,
    server,
    doctor,
    builds,
    build,
    events,
    jobs,
  ]),
  basepath: '/ui',
  defaultPreload: 'intent',
  defaultNotFoundComponent: NotFound,
  defaultErrorComponent: ({ error }) => (
    <div className={layout['page']}>
      <ProblemNotice error={error} />
    </div>
  ),
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}
