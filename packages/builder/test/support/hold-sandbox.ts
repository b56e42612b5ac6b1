import { createToolRunner } from '@drover/tools';
import { openSandbox } from '../../src/machine/sandbox.js';

/** A builder in the middle of its work: a mount, and a program that does not want to end. Says when it is there. */
const sandbox = await openSandbox(createToolRunner(), new AbortController().signal);
await sandbox.run('mount', ['-t', 'tmpfs', 'drover-test-mount', '/mnt']);
const script = 'trap "" TERM INT HUP; echo running; sleep 54323; :';
await sandbox.run('sh', ['-c', script], { onOutput: (chunk) => process.stdout.write(chunk) });
