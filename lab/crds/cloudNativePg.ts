import type { CrdSet } from './crds.ts';
import { type CrdOptions, moduleCrds } from './goModule.ts';

/** Returns the CRDs that CloudNativePG itself ships: Cluster and others. */
export function cloudNativePgCrds(options: CrdOptions = {}): Promise<CrdSet> {
  return moduleCrds(
    {
      name: 'cloudnative-pg-crds',
      goModule: 'github.com/cloudnative-pg/cloudnative-pg',
      folder: 'config/crd/bases',
    },
    options,
  );
}
