/** What the modules part of an initramfs is made of, without what makes it: for who asks whether there is something to make. */
export { attachModules, cardModules, requiredModules, wantedModules } from './wanted.js';
export { modulesRecipe } from '../part.js';
