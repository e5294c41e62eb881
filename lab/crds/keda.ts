import type { CrdSet } from './crds.ts';
import { type CrdOptions, moduleCrds } from './goModule.ts';

/** The genuine CRDs of KEDA: ScaledObject and others. */
export function kedaCrds(options: CrdOptions = {}): Promise<CrdSet> {
  return moduleCrds(
    { name: 'keda-crds', goModule: 'github.com/kedacore/keda/v2', folder: 'config/crd/bases' },
    options,
  );
}
