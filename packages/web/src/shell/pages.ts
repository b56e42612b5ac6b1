import type { Principal, Role } from '@drover/contract';
import { mayDo } from '../session/principal.js';
import type { IconName } from '../ui/Icon.js';

interface Page {
  readonly to: string;
  readonly label: string;
  readonly icon: IconName;
  readonly least: Role;
  /** For keys that belong to no tenant. */
  readonly ofInstallation?: boolean;
}

/** Where the navigation leads, and who sees it. */
export const pages = [
  { to: '/', label: 'Fleet', icon: 'fleet', least: 'reader' },
  { to: '/images', label: 'Images', icon: 'image', least: 'reader' },
  { to: '/provision', label: 'Provision', icon: 'provision', least: 'operator' },
  { to: '/builds', label: 'Builds', icon: 'build', least: 'reader' },
  { to: '/jobs', label: 'Jobs', icon: 'list', least: 'reader' },
  { to: '/events', label: 'Events', icon: 'events', least: 'reader' },
  { to: '/start', label: 'First steps', icon: 'wire', least: 'reader' },
  { to: '/doctor', label: 'Doctor', icon: 'doctor', least: 'reader' },
  { to: '/access', label: 'Keys & tenants', icon: 'keys', least: 'admin' },
  { to: '/audit', label: 'Audit', icon: 'audit', least: 'admin' },
  { to: '/server', label: 'Server', icon: 'server', least: 'reader', ofInstallation: true },
] as const satisfies readonly Page[];

export const mayVisit = (
  principal: Principal,
  { least, ofInstallation = false }: Omit<Page, 'to' | 'label' | 'icon'>,
): boolean => mayDo(principal, least) && (!ofInstallation || principal.tenant === null);
