/** Ports of every pod of ours; part of the contract. */
export const ports = { http: 8080, grpc: 9090, admin: 9464 } as const;
