import { z } from 'zod';
import { objectName, secretKey, withRules } from './schema.ts';

const postgres = withRules(
  z.object({
    secretRef: z
      .object({
        name: objectName().describe('Name of a Secret in the namespace of the pipeline.'),
        uriKey: secretKey()
          .default('uri')
          .describe('Key that holds the URI: postgres://user:password@host:5432/database.'),
      })
      .describe(
        'Where the connection URI is; the Secret that CloudNativePG creates for its application user can be used unchanged. A changed Secret is read again without a restart.',
      ),
    caSecretRef: z
      .object({
        name: objectName().describe('Name of a Secret in the namespace of the pipeline.'),
        key: secretKey().default('ca.crt').describe('Key that holds the certificate in PEM.'),
      })
      .describe(
        'The CA that signed the certificate of the server. If set, TLS is required and the server is verified. If unset, the URI decides.',
      )
      .optional(),
    schema: withRules(
      z
        .string()
        .min(1)
        .max(63)
        .regex(
          /^[a-z_][-a-z0-9_.]*$/,
          'must begin with a lower-case letter or _ and hold only those, digits, ., _ and -',
        ),
      {
        rule: "!(self in ['public', 'information_schema']) && !self.startsWith('pg_')",
        message: 'must be a schema of its own: public, information_schema and pg_* are refused',
        holds: (self) => !['public', 'information_schema'].includes(self) && !self.startsWith('pg_'),
      },
    )
      .describe(
        'PostgreSQL schema that holds the totals; <namespace>.<name> of the pipeline when unset. A schema has one owner: two pipelines never share a schema. Immutable.',
      )
      .optional(),
  }),
  {
    rule: 'has(self.schema) == has(oldSelf.schema) && (!has(self.schema) || self.schema == oldSelf.schema)',
    reason: 'FieldValueForbidden',
    message: 'cannot change: the totals are there; create a new SumPipeline for another schema',
    fieldPath: '.schema',
  },
).describe('A PostgreSQL database, version 17 or later.');

export const storeSchema = z.object({ postgres }).describe('Where the totals are kept.');
