import type { RecipeStep } from '../recipe/recipe.js';
import type { StepContext } from './context.js';

/** Says what starts with the system. A unit that is not there fails the build: a typing error would otherwise show on the boards. */
export async function setServices(
  services: RecipeStep['services'],
  { root, env, onOutput }: StepContext,
): Promise<void> {
  for (const verb of ['enable', 'disable', 'mask'] as const)
    if (services[verb].length > 0) await root.run('systemctl', [verb, '--', ...services[verb]], { env, onOutput });
}
