import type { DescMethod, DescService, Message } from '@bufbuild/protobuf';
import type { CallContext, ServiceHandlers } from './method.ts';

type UnaryHandler = (request: Message, call: CallContext) => Promise<Message>;

export interface BoundMethod {
  readonly method: DescMethod;
  readonly handler: UnaryHandler;
}

/** Returns the handlers. Key: local name of the method (`add`). Throws if one is missing or a method is not unary. */
export function bindHandlers<Service extends DescService>(
  service: Service,
  handlers: ServiceHandlers<Service>,
): ReadonlyMap<string, BoundMethod> {
  const bound = new Map<string, BoundMethod>();
  for (const method of service.methods) {
    const handler: unknown = Reflect.get(handlers, method.localName);
    if (method.methodKind !== 'unary' || typeof handler !== 'function') {
      throw new Error(`${service.typeName}.${method.name} has no unary handler`);
    }
    // This cast is safe: the type ServiceHandlers ensures that message and handler match.
    bound.set(method.localName, { method, handler: handler.bind(handlers) as UnaryHandler });
  }
  return bound;
}
