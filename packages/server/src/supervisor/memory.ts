/**
 * How V8 keeps the memory of a plane, as options of node.
 *
 * Room for what lives a moment, in MB: V8 begins with one, and then collects each second what a poll, a request or a packet left; its helper threads wake
 * up for that too. And room for what lives long: memory outside of its heap counts against it as well, that of a socket's reads above all, so that a plane
 * with a small heap marked all of it ten times a second while boards wrote to their disks. Nothing is taken before it is needed.
 */
export const memoryOptions: readonly string[] = [
  '--min-semi-space-size=16',
  '--max-semi-space-size=16',
  '--initial-old-space-size=128',
];
