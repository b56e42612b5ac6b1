export { aptSourceLine, debianSources, parseSourcesFile, parseSourcesList, type AptSource } from './apt-sources.js';
export {
  createPrivateApt,
  type DebianPackage,
  type DownloadOptions,
  type PrivateApt,
  type PrivateAptDeps,
  type Resolved,
  type ResolveWish,
} from './apt.js';
export { debHeadLength, debTime } from './deb-time.js';
export { LockedPackage, parsePackageList, sortListed, sortPackages, type ListedPackage } from './locked.js';
