// Lets a thread load TypeScript: see boot-plane/own-files/start-thread.ts.
import { register } from 'tsx/esm/api';

register();
