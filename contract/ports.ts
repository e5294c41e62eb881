/** Ports of every pod of ours. Other programs rely on them. */
export const ports = { http: 8080, grpc: 9090, admin: 9464 } as const;
