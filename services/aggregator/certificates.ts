import type { AggregatorConfig } from '#contract/config.ts';
import type { AggregatorMetrics } from '#contract/metrics.ts';
import { type CertificateSources, CertificateWatch } from '#platform/certificateWatch.ts';
import type { Logger } from '#platform/log.ts';
import type { Metrics } from '#platform/metrics.ts';
import { untilFilesChange } from '#platform/secretWatch.ts';
import { findKafkaCertificates } from '#services/eventlog/certificates.ts';
import { kafkaSettings, secretFilesOf } from '#services/eventlog/settings.ts';
import { findStoreCertificates } from '#services/ledger/certificates.ts';

interface CertificatesOptions {
  readonly config: AggregatorConfig;
  readonly logger: Logger;
  readonly metrics: Pick<Metrics<AggregatorMetrics>, 'sumpipeline_certificate_expiry_timestamp_seconds'>;
}

interface Peer {
  readonly peer: 'kafka' | 'postgres';
  readonly find: (signal: AbortSignal) => Promise<CertificateSources | undefined>;
  readonly files: readonly (string | undefined)[];
}

/** Creates one watch for Kafka and one for PostgreSQL. The caller starts them. */
export function watchCertificates({ config, logger, metrics }: CertificatesOptions): readonly CertificateWatch[] {
  const settings = kafkaSettings(config);
  const peers: readonly Peer[] = [
    {
      peer: 'kafka',
      find: (signal) => findKafkaCertificates({ settings, logger, signal }),
      files: secretFilesOf(settings).map(({ path }) => path),
    },
    {
      peer: 'postgres',
      find: () => findStoreCertificates(config),
      files: [config.SUMPIPELINE_STORE_URI_FILE, config.SUMPIPELINE_STORE_CA_FILE],
    },
  ];
  const gauge = metrics.sumpipeline_certificate_expiry_timestamp_seconds;
  return peers.map(
    ({ peer, find, files }) =>
      new CertificateWatch({
        find,
        untilSecretsChange: (signal) =>
          untilFilesChange(
            files.filter((path) => path !== undefined),
            signal,
          ),
        set: (end) => gauge.set({ peer }, end),
        remove: () => gauge.remove({ peer }),
        logger,
        now: Date.now,
      }),
  );
}
