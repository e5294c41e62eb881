// @peculiar/x509 resolves its algorithms through tsyringe, which refuses to load without reflect-metadata.
import 'reflect-metadata';
import type { webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type JsonName,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';

/** The contents of a certificate and its allowed uses. */
interface CertificateRequest {
  /** Subject CN. Kubernetes reads it as the user's name. */
  readonly commonName: string;
  /** Subject O, one per group. Kubernetes reads them as the user's groups. Default: no group. */
  readonly organizations?: readonly string[];
  /** DNS names and IP addresses that a client may dial. Default: no name. */
  readonly altNames?: readonly string[];
  /** What the holder may do with the certificate. Default both. */
  readonly usages?: readonly ('server' | 'client')[];
  /** Lifetime in days. Negative for an expired certificate. Default: as long as the CA. */
  readonly validDays?: number;
}

/** A certificate with its key: EC P-256, the key as PKCS#8 (Kafka's PEM key store reads nothing else). */
export interface Certificate {
  readonly certPem: string;
  readonly keyPem: string;
}

/** A certificate authority in memory. Write `certPem` to a file for clients that must trust it. */
export interface CertificateAuthority extends Certificate {
  issue(request: CertificateRequest): Promise<Certificate>;
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

/**
 * A certificate is valid from this long before its creation, in milliseconds. The clock of a client may be behind ours,
 * and a client refuses a certificate that is not valid yet.
 */
const backdateMs = 5 * 60_000;

/**
 * Makes a self-signed CA for local servers (cluster, Kafka, PostgreSQL) and tests. Never use it in production: the
 * key is passed around as a string. The CA is valid from `now` for `validDays` days, by default a year.
 */
export async function createCa(
  name: string,
  { now = new Date(), validDays = 365 }: { now?: Date; validDays?: number } = {},
): Promise<CertificateAuthority> {
  const validity = validityOf(now, validDays);
  const keys = await generateKeys();
  const authority = await X509CertificateGenerator.createSelfSigned({
    name: nameOf(name, []),
    keys,
    signingAlgorithm: algorithm,
    ...validity,
    extensions: [
      new BasicConstraintsExtension(true, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign | KeyUsageFlags.digitalSignature, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });

  async function issue(request: CertificateRequest): Promise<Certificate> {
    const leafKeys = await generateKeys();
    const altNames = (request.altNames ?? []).map((value) =>
      isIP(value) ? { type: 'ip' as const, value } : { type: 'dns' as const, value },
    );
    const usages = (request.usages ?? ['server', 'client']).map((usage) =>
      usage === 'server' ? ExtendedKeyUsage.serverAuth : ExtendedKeyUsage.clientAuth,
    );
    const leaf = await X509CertificateGenerator.create({
      subject: nameOf(request.commonName, request.organizations ?? []),
      issuer: authority.subjectName.toJSON(),
      publicKey: leafKeys.publicKey,
      signingKey: keys.privateKey,
      signingAlgorithm: algorithm,
      ...(request.validDays === undefined ? validity : validityOf(now, request.validDays)),
      extensions: [
        new BasicConstraintsExtension(false, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
        new ExtendedKeyUsageExtension(usages),
        ...(altNames.length > 0 ? [new SubjectAlternativeNameExtension(altNames)] : []),
        await SubjectKeyIdentifierExtension.create(leafKeys.publicKey),
        await AuthorityKeyIdentifierExtension.create(keys.publicKey),
      ],
    });
    return { certPem: `${leaf.toString('pem')}\n`, keyPem: await exportKey(leafKeys.privateKey) };
  }

  return { certPem: `${authority.toString('pem')}\n`, keyPem: await exportKey(keys.privateKey), issue };
}

function validityOf(now: Date, days: number): { notBefore: Date; notAfter: Date } {
  const notAfter = new Date(now.getTime() + days * 86_400_000);
  return { notBefore: new Date(Math.min(now.getTime(), notAfter.getTime()) - backdateMs), notAfter };
}

function generateKeys(): Promise<webcrypto.CryptoKeyPair> {
  return crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
}

/**
 * Builds a name as structured data, not as text: in a text, names such as `system:nodes` or `a, b` would need
 * escapes.
 */
function nameOf(commonName: string, organizations: readonly string[]): JsonName {
  return [...organizations.map((value) => ({ O: [value] })), { CN: [commonName] }];
}

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await crypto.subtle.exportKey('pkcs8', key)).toString('base64');
  return `-----BEGIN PRIVATE KEY-----\n${der.replace(/(.{64})(?=.)/g, '$1\n')}\n-----END PRIVATE KEY-----\n`;
}
