import { type DescFile, type DescService, toBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import type { Server } from '@grpc/grpc-js';
import { ReflectionService } from '@grpc/reflection';

/** Lets grpcurl and similar tools list and call the service without its proto files. */
export function addReflection(server: Server, service: DescService): void {
  const files = [...filesOf(service.file)].map((file) => Buffer.from(toBinary(FileDescriptorProtoSchema, file.proto)));
  // @grpc/reflection expects a definition from @grpc/proto-loader, but reads only its file descriptors.
  const definition = {
    format: 'Protocol Buffer 3 EnumDescriptorProto',
    type: {},
    fileDescriptorProtos: files,
  } as const;
  new ReflectionService({ [service.typeName]: definition }, { services: [service.typeName] }).addToServer(server);
}

function filesOf(file: DescFile): Set<DescFile> {
  return new Set([...file.dependencies.flatMap((dependency) => [...filesOf(dependency)]), file]);
}
