/** The command line from its sources: `drover.ts simulate ...` is what people run, without a build. */
import { main } from '@drover/cli';

process.exitCode = await main(process.argv.slice(2));
