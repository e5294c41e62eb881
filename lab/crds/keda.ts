import type { CrdSet } from './crds.ts';
import { type CrdOptions, moduleCrds } from './goModule.ts';

/** Returns the CRDs that KEDA itself ships: ScaledObject and others. */
export function kedaCrds(options: CrdOptions = {}): Promise<CrdSet> {
  return moduleCrds(
    { name: 'keda-crds', goModule: 'github.com/kedacore/keda/v2', folder: 'config/crd/bases' },
    options,
  );
}
