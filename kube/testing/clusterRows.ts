import type { ApiServers } from './apiServers.ts';
import { contextRows, serverRows } from './rows/contexts.ts';
import { fileRows } from './rows/files.ts';
import { mergeRows, pathRows } from './rows/merging.ts';
import { execRows } from './rows/plugins.ts';
import { podRows } from './rows/pods.ts';
import { proxyRows } from './rows/proxies.ts';
import type { ClusterRow } from './rows/row.ts';
import { tlsRows } from './rows/tls.ts';
import { userRows } from './rows/users.ts';

/** Builds a row for every rule of docs/adr/0036. Tests run each row with our client and with the real kubectl. */
export function buildClusterRows(servers: ApiServers): ClusterRow[] {
  return [
    ...fileRows(servers),
    ...mergeRows(servers),
    ...pathRows(servers),
    ...contextRows(servers),
    ...serverRows(servers),
    ...tlsRows(servers),
    ...userRows(servers),
    ...execRows(servers),
    ...proxyRows(servers),
    ...podRows(servers),
  ];
}
