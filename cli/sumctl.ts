#!/usr/bin/env node
import { enableCompileCache } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';

// The compile cache saves a third of the time to the first output. The default folder is shared by all users of a
// machine, so it is not used. If our folder cannot be written, nothing is cached. NODE_DISABLE_COMPILE_CACHE=1
// switches the cache off.
const cache = process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache');
enableCompileCache(join(cache, 'sumpipeline', 'compile'));
const { main } = await import('./main.ts');
await main();
