// Node finds only some of kafkajs' names for `import { name }`, so import the whole module.
import kafkajs from 'kafkajs';
import type { SharedKafka } from '#tools/testing/servers.ts';
import { plainClient } from './logSettings.ts';

type Operation = 'READ' | 'WRITE' | 'DESCRIBE' | 'DESCRIBE_CONFIGS';

/** Grants a user the same permissions as an administrator would, and nothing else. */
export async function allow(
  kafka: SharedKafka,
  username: string,
  rights: {
    readonly topic?: readonly [name: string, ...Operation[]];
    readonly group?: readonly [name: string, ...Operation[]];
  },
): Promise<void> {
  const { AclOperationTypes, AclPermissionTypes, AclResourceTypes, ResourcePatternTypes } = kafkajs;
  const acl = Object.entries(rights).flatMap(([kind, [resourceName, ...operations]]) =>
    operations.map((operation) => ({
      resourceType: kind === 'topic' ? AclResourceTypes.TOPIC : AclResourceTypes.GROUP,
      resourceName,
      resourcePatternType: ResourcePatternTypes.LITERAL,
      principal: `User:${username}`,
      host: '*',
      operation: AclOperationTypes[operation],
      permissionType: AclPermissionTypes.ALLOW,
    })),
  );
  const admin = plainClient(kafka.plaintextBootstrapServers).admin();
  await admin.connect();
  await admin.createAcls({ acl });
  await admin.disconnect();
}
