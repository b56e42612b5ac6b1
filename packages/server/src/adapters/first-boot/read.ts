import type { FieldError, FirstBootSettings } from '@drover/contract';
import type * as z from 'zod';

/** Settings before they are checked as a whole. */
export type Draft = z.input<typeof FirstBootSettings>;

/** What a file says, not yet checked as a whole, or what is wrong with it. */
export type Read = { readonly draft: Draft; readonly warnings: string[] } | { readonly errors: FieldError[] };
