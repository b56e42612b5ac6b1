import {
  refusal,
  roles,
  type DomainEvent,
  type EventType,
  type Principal,
  type Refusal,
  type Role,
} from '@drover/contract';

/** True when `role` may do what asks for `least`: admin may everything an operator may, and so on down to device. */
export const allows = (role: Role, least: Role): boolean => roles.indexOf(role) <= roles.indexOf(least);

/** undefined when this key has the role, else why not. */
export const refuseBelow = (principal: Principal, least: Role): Refusal | undefined =>
  allows(principal.role, least)
    ? undefined
    : refusal(
        'auth.forbidden',
        `This needs the role ${least}; the key "${principal.name}" is a ${principal.role} key`,
        {
          remedy: `Use a key with the role ${least}, or ask an admin for one.`,
        },
      );

/** What a repository is asked for on behalf of this key: its tenant's things, or (undefined) everybody's for a key of the installation. */
export const tenantFilter = (principal: Principal): string | undefined => principal.tenant ?? undefined;

/** Whether this key reaches a thing of that tenant (null: of none). */
export const reaches = (principal: Principal, tenant: string | null): boolean =>
  principal.tenant === null || principal.tenant === tenant;

/** Name of the tenant that a key of the installation acts for where a thing must belong to one. */
export const defaultTenantName = 'default';

/**
 * Events of no tenant that every tenant may read: boards that were seen and belong to nobody yet, images that are shared, the server itself. The
 * others (keys and tenants of the installation, its jobs, damaged blobs) are for keys of the installation.
 */
export const concerningTenants: ReadonlySet<EventType> = new Set<EventType>([
  'server.started',
  'device.discovered',
  'device.updated',
  'device.deleted',
  'device.conflict',
  'device.impostor',
  'session.started',
  'session.ended',
  'session.revoked',
  'image.import-started',
  'image.ready',
  'image.failed',
  'image.deleted',
  'build.created',
  'build.updated',
  'build.finished',
  'build.deleted',
]);

/** Whether this key may read an event: its tenant's, and those of no tenant that concern it. */
export const seesEvent = (principal: Principal, event: Pick<DomainEvent, 'tenant' | 'type'>): boolean =>
  principal.tenant === null ||
  principal.tenant === event.tenant ||
  (event.tenant === null && concerningTenants.has(event.type));
