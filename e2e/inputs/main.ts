import { inputs } from './index.js';

// npx tsx e2e/inputs/main.ts fast|full|large|adverse|nfsServer: builds an input unless it is cached, and prints its facts as JSON.
const { fast, full, large, adverse, nfsServer } = inputs;
const makers = { fast, full, large, adverse, nfsServer };
const wanted = process.argv[2] ?? '';
if (!Object.hasOwn(makers, wanted)) {
  console.error(`usage: main.ts ${Object.keys(makers).join('|')}`);
  process.exitCode = 2;
} else {
  console.log(JSON.stringify(await makers[wanted as keyof typeof makers](), null, 2));
}
