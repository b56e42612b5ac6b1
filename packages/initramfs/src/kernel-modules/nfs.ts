/** Modules of a root over NFS, versions 3 and 4; `nfsv3` and `nfsv4` are asked for by name when one is mounted. */
export const nfsModules: readonly string[] = ['sunrpc', 'lockd', 'nfs', 'nfsv3', 'nfsv4'];
