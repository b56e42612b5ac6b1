import { refusal, type Principal, type Refusal } from '@drover/contract';

/** Who may have the server run what a recipe says: `admins` those of tenants too, `server` those of the installation. */
export type MayBuild = 'admins' | 'server' | 'nobody';

/** undefined when this key may build. */
export function refuseBuilding({ role, tenant, name }: Principal, allow: MayBuild): Refusal | undefined {
  if (allow === 'nobody')
    return refusal('auth.forbidden', 'This server builds for nobody.', {
      remedy: 'Build on your own machine, or have builds.allow changed in the settings.',
    });
  if (role === 'admin' && (allow === 'admins' || tenant === null)) return undefined;
  const who = allow === 'admins' ? 'an admin key' : 'an admin key of the installation';
  return refusal('auth.forbidden', `Building needs ${who}; the key "${name}" is none.`, {
    remedy: `Use ${who}, or build on your own machine. The setting builds.allow says who may.`,
  });
}
