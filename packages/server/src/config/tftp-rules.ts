import * as z from 'zod';
import { readRule } from '../domain/tftp-rules.js';
import { Size, whole } from './values.js';

const text = z.string().min(1, 'is empty').max(1000, 'is longer than 1000 characters');

/** One element of `boot.tftp.rules`. */
export const tftpRule = z
  .strictObject({
    match: text,
    root: text.optional(),
    file: text.optional(),
    url: text.optional(),
    program: text.optional(),
    args: z.array(z.string().max(1000, 'is longer than 1000 characters')).max(100).optional(),
    /** Less than a request for a file is kept waiting. */
    timeoutSeconds: whole(1, 60).default(10),
    maxSize: Size.default(64 * 1024 ** 2),
    concurrency: whole(1, 1000).optional(),
  })
  .superRefine(async (rule, context) => {
    // Read when it is wanted: few have rules, and every start of the server would pay for it.
    const { compilePattern } = await import('../adapters/patterns/index.js');
    const compiled = compilePattern(rule.match);
    if (!compiled.ok) {
      context.addIssue({ code: 'custom', path: ['match'], message: compiled.message });
      return;
    }
    const read = readRule(rule, compiled.pattern.groups);
    if (read.ok) return;
    for (const { field, message } of read.problems) context.addIssue({ code: 'custom', path: [...field], message });
  });
