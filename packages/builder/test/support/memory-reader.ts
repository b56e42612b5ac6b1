import type { RecipeReader } from '../../src/recipe/locate.js';

/** Files that are only here. A path that ends with / is a folder; those above a file are there too. */
export const memoryReader = (files: Readonly<Record<string, string>>): RecipeReader => ({
  kind: async (path) => {
    if (files[path] !== undefined) return 'file';
    return Object.keys(files).some((each) => each.startsWith(`${path}/`)) ? 'folder' : undefined;
  },
  read: async (path) => files[path] ?? Promise.reject(new Error(`${path} is not there`)),
});
