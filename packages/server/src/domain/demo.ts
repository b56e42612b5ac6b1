import { refusal, type OperationId, type Principal, type Refusal } from '@drover/contract';

/** The key that everybody knows, from CattlePi's first steps. Accepted as it is while `demo.enabled` is set, stored nowhere. */
export const demoKey = 'deadbeef';

/** Its images are what that key shows. */
export const demoTenantName = 'demo';

/** Stands for the key in the audit trail. */
const demoKeyId = 'key_0000000000000000000000DEM0';

export const demoPrincipal = (tenant: string): Principal => ({
  key: demoKeyId,
  name: 'the demo key',
  tenant,
  role: 'reader',
});

export const isDemo = (who: Principal): boolean => who.key === demoKeyId;

/** What anybody may ask: images of the demo, and nothing about boards, people or the server's work. */
const open: ReadonlySet<OperationId> = new Set<OperationId>([
  'whoAmI',
  'listImages',
  'getImage',
  'listImageFiles',
  'downloadImageDisk',
  'downloadImageCard',
]);

/** Why the demo key may not do that; undefined for other keys, and for what it may. */
export const refuseDemo = (who: Principal, operation: OperationId): Refusal | undefined =>
  !isDemo(who) || open.has(operation)
    ? undefined
    : refusal('auth.forbidden', 'The demo key only reads images of the demo.', {
        remedy: 'Ask an admin for a key of your own: drover key create.',
      });
