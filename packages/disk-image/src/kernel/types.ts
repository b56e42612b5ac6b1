export type KernelFormat = 'arm64-image' | 'arm-zimage' | 'efi-zboot' | 'unknown';
export type KernelArchitecture = 'arm64' | 'arm';

export interface KernelFacts {
  /** Of the kernel itself, inside any gzip around it. */
  format: KernelFormat;
  /** Undefined when the format does not tell. */
  architecture?: KernelArchitecture;
  /** The whole file is gzip-compressed, as `kernel8.img` often is. */
  gzip: boolean;
  /** What `uname -r` will say: `6.6.31+rpt-rpi-v8`. */
  release?: string;
  /** Bytes, from the flags of an arm64 Image. */
  pageSize?: 4096 | 16384 | 65536;
}

export interface ModuleFile {
  /** Normalised: `nls_cp437`. */
  name: string;
  /** In the volume, absolute: `/usr/lib/modules/6.1.0/kernel/fs/nls/nls_cp437.ko.xz`. */
  path: string;
  /** Below the release's folder, as modules.dep writes it. */
  relativePath: string;
}

export interface ResolvedModules {
  release: string;
  /** `/lib/modules/<release>` or `/usr/lib/modules/<release>`. */
  directory: string;
  /** In the order insmod needs: what a module depends on comes before it. */
  files: ModuleFile[];
  /** Wanted names that are part of the kernel. */
  builtin: string[];
  /** Wanted names this kernel does not have. */
  missing: string[];
}
