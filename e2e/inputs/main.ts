import { inputs } from './index.js';

// npx tsx e2e/inputs/main.ts fast|full|large|adverse: builds an input unless it is cached, and prints its facts as JSON.
const makers = { fast: inputs.fast, full: inputs.full, large: inputs.large, adverse: inputs.adverse };
const wanted = process.argv[2] ?? '';
if (!Object.hasOwn(makers, wanted)) {
  console.error(`usage: main.ts ${Object.keys(makers).join('|')}`);
  process.exitCode = 2;
} else {
  console.log(JSON.stringify(await makers[wanted as keyof typeof makers](), null, 2));
}
