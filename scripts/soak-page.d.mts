export interface SoakRun {
  readonly rows: readonly { name: string; passed: number; failed: number; seconds: number }[];
  readonly counts: readonly string[];
  readonly run: string;
  readonly files: readonly string[];
  readonly failures: readonly { file: string; why: string }[];
}
export function soakPage(previous: string, soak: SoakRun): string;
