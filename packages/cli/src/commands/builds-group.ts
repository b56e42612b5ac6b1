import type { GroupSpec } from '../command.js';
import { page } from './options.js';

/** Commands about builds of a server, in the order help shows them. */
export const builds: GroupSpec = {
  name: 'builds',
  summary: 'builds on the server: look into, follow, cancel, keep, delete; and the cache of builds here',
  commands: [
    {
      usage: 'list',
      live: 'events',
      summary: 'Builds, newest first',
      examples: ['drover builds list', 'drover builds list --recipe base --state failed'],
      options: [
        ['--recipe <name>', 'only of this recipe'],
        ['--state <state>', 'queued, running, succeeded, failed or cancelled'],
        ...page,
      ],
      load: async () => (await import('../actions/builds.js')).list,
    },
    {
      usage: 'show <build>',
      live: 'events',
      summary: 'One build, with its files',
      examples: ['drover builds show bld_01JZ5M8K7Q2W3E4R5T6Y7V8B9N'],
      load: async () => (await import('../actions/builds.js')).show,
    },
    {
      usage: 'log <build>',
      summary: 'What the build and its programs said',
      examples: [
        'drover builds log bld_01JZ5M8K7Q2W3E4R5T6Y7V8B9N',
        'drover builds log bld_01JZ5M8K7Q2W3E4R5T6Y7V8B9N --follow',
      ],
      options: [['--follow', 'go on until it has ended']],
      load: async () => (await import('../actions/builds.js')).log,
    },
    {
      usage: 'cancel <build>',
      summary: 'End a build; its log stays',
      examples: ['drover builds cancel bld_01JZ5M8K7Q2W3E4R5T6Y7V8B9N'],
      load: async () => (await import('../actions/builds.js')).cancel,
    },
    {
      usage: 'pin <build>',
      summary: 'Keep a build and its image however old they get',
      examples: [
        'drover builds pin bld_01JZ5M8K7Q2W3E4R5T6Y7V8B9N',
        'drover builds pin bld_01JZ5M8K7Q2W3E4R5T6Y7V8B9N --off',
      ],
      options: [['--off', 'let it go again']],
      load: async () => (await import('../actions/builds.js')).pin,
    },
    {
      usage: 'delete <build>',
      summary: 'Delete a build with its files and its log; its image stays',
      examples: ['drover builds delete bld_01JZ5M8K7Q2W3E4R5T6Y7V8B9N'],
      load: async () => (await import('../actions/builds.js')).remove,
    },
    {
      usage: 'clear-cache',
      summary: 'Delete what builds on this machine keep, which they make again',
      examples: [
        'drover builds clear-cache',
        'drover builds clear-cache --unused-for 7',
        'drover builds clear-cache --packages',
      ],
      options: [
        ['--unused-for <days>', 'only what no build has used for so long (default 0)'],
        ['--packages', 'packages too: after that no list of packages makes an image without a mirror'],
        ['--cache-dir <folder>', 'the cache (default ~/.cache/drover/builds)'],
      ],
      load: async () => (await import('./build/clear-cache.js')).clearCache,
    },
  ],
};
