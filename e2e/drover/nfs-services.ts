/**
 * What an NFS server needs of its machine, of its own and not the host's: a place for sockets in /run, and the port mapper. Shell commands for
 * {@link DroverOptions.before}.
 */
export const nfsServices = `
mount -t tmpfs tmpfs /run
mkdir -p /run/ganesha
rpcbind -f -w </dev/null >/dev/null 2>&1 &
`;
