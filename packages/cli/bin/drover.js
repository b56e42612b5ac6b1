#!/usr/bin/env node
import { main } from '../bundle/drover.js';

process.exitCode = await main(process.argv.slice(2));
