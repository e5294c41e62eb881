/** Ports on which every pod of SumPipeline listens. Do not change them: other programs rely on them. */
export const ports = { http: 8080, grpc: 9090, admin: 9464 } as const;
