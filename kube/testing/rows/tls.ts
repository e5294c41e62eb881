import type { ApiServers } from '#kube/testing/apiServers.ts';
import {
  anonymous,
  buildConfig,
  type ClusterRow,
  mine,
  type Outcome,
  type Parts,
  parts,
  refused,
  seen,
} from './row.ts';

export function tlsRows(servers: ApiServers): ClusterRow[] {
  const { a, base64, certificate } = parts(servers);
  const { server } = a;
  const row = (
    name: string,
    { cluster = a, user = mine }: Parts,
    expected: Outcome,
    files: Record<string, string> = {},
  ) => ({
    name,
    files: { '.kube/config': buildConfig({ cluster, user }), ...files },
    expected,
  });
  return [
    row(
      'a certificate authority that is not of the server is an error',
      {
        cluster: { server, 'certificate-authority-data': base64(servers.client.certPem) },
      },
      refused(/certificate/),
    ),
    row('without a certificate authority those of the machine count', { cluster: { server } }, refused(/certificate/)),
    row(
      'insecure-skip-tls-verify takes any certificate',
      { cluster: { server, 'insecure-skip-tls-verify': true } },
      seen('a'),
    ),
    row(
      'a certificate authority and insecure-skip-tls-verify exclude each other',
      {
        cluster: { ...a, 'insecure-skip-tls-verify': true },
      },
      refused(/exclude each other/),
    ),
    row(
      'a certificate authority as file and as data is an error',
      {
        cluster: { ...a, 'certificate-authority': 'ca.crt' },
      },
      refused(/certificate-authority and certificate-authority-data are both set/),
      { '.kube/ca.crt': servers.ca.certPem },
    ),
    row(
      'a certificate authority that is not PEM is an error',
      {
        cluster: { server, 'certificate-authority-data': base64('no PEM') },
      },
      refused(/not a PEM certificate/),
    ),
    row(
      'data that is not base64 is an error',
      {
        cluster: { server, 'certificate-authority-data': '!!' },
      },
      refused(/not base64/),
    ),
    row(
      'line ends in base64 are skipped',
      {
        cluster: { server, 'certificate-authority-data': base64(servers.ca.certPem).replaceAll(/(.{60})/g, '$1\n') },
      },
      seen('a'),
    ),
    row(
      'tls-server-name is the name in the handshake and in the certificate',
      {
        cluster: { ...a, 'tls-server-name': 'kube.test' },
      },
      seen('a', { sni: 'kube.test' }),
    ),
    row(
      'a certificate without the tls-server-name is refused',
      {
        cluster: { ...a, 'tls-server-name': 'other.test' },
      },
      refused(/other\.test/),
    ),
    row(
      'a tls-server-name that is an address is checked and not in the handshake',
      {
        cluster: { ...a, 'tls-server-name': '127.0.0.1' },
      },
      seen('a'),
    ),
    row(
      'an address that is not in the certificate is refused',
      {
        cluster: { ...a, 'tls-server-name': '127.0.0.9' },
      },
      refused(/127\.0\.0\.9/),
    ),
    row('a client certificate is shown to the server', { user: certificate }, anonymous('a', { certificate: 'jane' })),
    row(
      'a client certificate needs a key',
      {
        user: { 'client-certificate-data': certificate['client-certificate-data'] },
      },
      refused(/has no key/),
    ),
    row(
      'a client certificate as file and as data is an error',
      {
        user: { ...certificate, 'client-certificate': 'jane.crt' },
      },
      refused(/client-certificate and client-certificate-data are both set/),
      { '.kube/jane.crt': servers.client.certPem },
    ),
    row(
      'a client key as file and as data is an error',
      {
        user: { ...certificate, 'client-key': 'jane.key' },
      },
      refused(/client-key and client-key-data are both set/),
      { '.kube/jane.key': servers.client.keyPem },
    ),
    row(
      'a certificate from a file may have its key as data',
      {
        user: { 'client-certificate': 'jane.crt', 'client-key-data': certificate['client-key-data'] },
      },
      anonymous('a', { certificate: 'jane' }),
      { '.kube/jane.crt': servers.client.certPem },
    ),
    row(
      'a key without a certificate is left out',
      {
        user: { ...mine, 'client-key': 'absent' },
      },
      seen('a'),
    ),
  ];
}
