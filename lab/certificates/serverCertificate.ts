import { X509Certificate } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { dirname } from 'node:path';
import { z } from 'zod';
import { createCa } from '#lab/certificates/pki.ts';

/** The files that a server needs for TLS, and the CA that its clients need to trust it. */
export interface ServerCertificate {
  readonly caPem: string;
  readonly certPem: string;
  readonly keyPem: string;
}

/**
 * Minimum remaining lifetime of a certificate, in milliseconds. A certificate with less time is renewed, so that it
 * does not expire during a long run.
 */
const renewBeforeMs = 30 * 86_400_000;

const fileSchema = z.object({ caPem: z.string(), certPem: z.string(), keyPem: z.string() });

/**
 * Returns the certificate in `file`, or a new one if the file does not exist, does not name `hosts`, or expires soon.
 * The certificate is kept in the file, so that clients that trust its CA still work after a restart of the server. The
 * CA's key is never stored, so a new certificate has a new CA.
 */
export async function keepServerCertificate(
  file: string,
  { commonName, hosts, now = new Date() }: { commonName: string; hosts: readonly string[]; now?: Date },
): Promise<ServerCertificate> {
  const kept = await readKept(file);
  if (kept && isGoodFor(kept, hosts, now)) return kept;
  const ca = await createCa(`${commonName} CA`, { now });
  const issued = await ca.issue({ commonName, altNames: hosts, usages: ['server'] });
  const certificate = { caPem: ca.certPem, certPem: issued.certPem, keyPem: issued.keyPem };
  await mkdir(dirname(file), { recursive: true });
  await writeFile(`${file}.new`, JSON.stringify(certificate), { mode: 0o600 });
  await rename(`${file}.new`, file);
  return certificate;
}

async function readKept(file: string): Promise<ServerCertificate | undefined> {
  try {
    return fileSchema.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new Error(`${file} is not a certificate file of this lab; delete the file and start again`, { cause: error });
  }
}

function isGoodFor({ certPem }: ServerCertificate, hosts: readonly string[], now: Date): boolean {
  const certificate = new X509Certificate(certPem);
  const names = hosts.every((host) => (isIP(host) ? certificate.checkIP(host) : certificate.checkHost(host)));
  return names && certificate.validToDate.getTime() - now.getTime() > renewBeforeMs;
}
