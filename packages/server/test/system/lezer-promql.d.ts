/** Its package.json says where its types are in a place that TypeScript does not look at when there are `exports`. */
declare module '@prometheus-io/lezer-promql' {
  import type { LRParser } from '@lezer/lr';
  export const parser: LRParser;
}
