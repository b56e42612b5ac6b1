export interface SoakRun {
  readonly rows: readonly { name: string; passed: number; failed: number; seconds: number }[];
  readonly counts: readonly string[];
  readonly run: string;
}
export function soakPage(previous: string, soak: SoakRun): string;
