import { connect, createServer, type Server, type Socket } from 'node:net';

/** What happens to one response of a broker. The request has reached the broker in any case. */
type Fate =
  | 'pass'
  /** The connection is reset instead: the client cannot know what the broker did. */
  | 'reset'
  /** The response never comes, but the connection stays open. */
  | 'hold';

export interface KafkaProxy extends AsyncDisposable {
  /** `host:port` of each broker's proxy, with commas. */
  readonly bootstrapServers: string;
  /** Produce responses seen so far, and how many of them were reset and held. */
  readonly seen: { produce: number; reset: number; held: number };
  /** Decides about each Produce response by its number, counted from 0. Default: all pass. */
  onProduce: (count: number) => Fate;
  /** If true, no bytes pass in either direction, and new connections wait, like a cut network without a reset. */
  setFrozen(isFrozen: boolean): void;
}

const produceApi = 0;
const metadataApi = 3;

/**
 * Starts TCP proxies before plaintext brokers. They read Kafka's frames, and drop or hold chosen Produce responses
 * *after* the broker wrote the batch. After this fault a wrong client acknowledges what was never written, or writes
 * it twice. Brokers need no change: the proxies replace the addresses in Metadata responses.
 */
export async function startKafkaProxy(bootstrapServers: string): Promise<KafkaProxy> {
  const state = { isFrozen: false, sockets: new Set<Socket>(), ports: new Map<number, number>() };
  const servers: Server[] = [];
  const proxy: KafkaProxy = {
    bootstrapServers: '',
    seen: { produce: 0, reset: 0, held: 0 },
    onProduce: () => 'pass',
    setFrozen(isFrozen) {
      state.isFrozen = isFrozen;
      for (const socket of state.sockets) {
        if (isFrozen) socket.pause();
        else socket.resume();
      }
    },
    async [Symbol.asyncDispose]() {
      for (const socket of state.sockets) socket.destroy();
      await Promise.all(servers.map((server) => new Promise<void>((resolve) => server.close(() => resolve()))));
    },
  };
  for (const brokerPort of bootstrapServers.split(',').map((address) => Number(address.split(':')[1]))) {
    const server = createServer((client) => forward({ client, brokerPort, state, proxy }));
    servers.push(server);
    state.ports.set(brokerPort, await listen(server));
  }
  const addresses = [...state.ports.values()].map((port) => `127.0.0.1:${port}`);
  return Object.assign(proxy, { bootstrapServers: addresses.join(',') });
}

interface Forwarding {
  readonly client: Socket;
  readonly brokerPort: number;
  readonly state: { readonly isFrozen: boolean; readonly sockets: Set<Socket>; readonly ports: Map<number, number> };
  readonly proxy: KafkaProxy;
}

function forward({ client, brokerPort, state, proxy }: Forwarding): void {
  const broker = connect(brokerPort, '127.0.0.1');
  /** The API and version of each request in flight, by correlation id. */
  const apis = new Map<number, { api: number; version: number }>();
  let isDead = false;
  const reset = () => {
    isDead = true;
    client.resetAndDestroy();
    broker.destroy();
  };
  for (const socket of [client, broker]) {
    state.sockets.add(socket);
    socket.setNoDelay(true);
    socket.on('error', reset);
    socket.once('close', () => state.sockets.delete(socket));
    if (state.isFrozen) socket.pause();
  }
  client.on('close', () => broker.destroy());
  broker.on('close', () => client.destroy());
  client.on(
    'data',
    frames((frame) => {
      apis.set(frame.readInt32BE(8), { api: frame.readInt16BE(4), version: frame.readInt16BE(6) });
      broker.write(frame);
    }),
  );
  broker.on(
    'data',
    frames((frame) => {
      if (isDead) return;
      const correlation = frame.readInt32BE(4);
      const { api, version } = apis.get(correlation) ?? { api: -1, version: 0 };
      apis.delete(correlation);
      if (api === metadataApi) replacePorts(frame, version, state.ports);
      const fate = api === produceApi ? proxy.onProduce(proxy.seen.produce++) : 'pass';
      if (fate === 'reset') {
        proxy.seen.reset += 1;
        reset();
      } else if (fate === 'hold') proxy.seen.held += 1;
      else client.write(frame);
    }),
  );
}

/**
 * Replaces the ports in a Metadata response, in place. From v3 on it begins with throttle time and brokers (node,
 * host, port, rack). From v9 on the encoding is compact: tags after the header and each broker, and lengths as
 * variable integers plus one.
 */
function replacePorts(frame: Buffer, version: number, ports: ReadonlyMap<number, number>): void {
  const isCompact = version >= 9;
  let at = 4 + 4 + (isCompact ? 1 : 0) + 4;
  const readVarint = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = frame.readUInt8(at++);
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  const readLength = (classic: () => number) => (isCompact ? readVarint() - 1 : classic());
  const readInt16 = () => {
    at += 2;
    return frame.readInt16BE(at - 2);
  };
  const readInt32 = () => {
    at += 4;
    return frame.readInt32BE(at - 4);
  };
  const skipString = () => {
    const length = Math.max(0, readLength(readInt16));
    at += length;
  };
  const count = readLength(readInt32);
  for (let index = 0; index < count; index++) {
    readInt32();
    skipString();
    const port = readInt32();
    frame.writeInt32BE(ports.get(port) ?? port, at - 4);
    skipString();
    // Skip the number of tags of this broker. In all current versions it is 0.
    if (isCompact) readVarint();
  }
}

/** Cuts a stream into frames: a 4-byte length and the payload. Each frame is a copy. */
function frames(onFrame: (frame: Buffer) => void): (data: Buffer) => void {
  let buffered: Buffer = Buffer.alloc(0);
  return (data) => {
    buffered = buffered.length === 0 ? data : Buffer.concat([buffered, data]);
    while (buffered.length >= 4) {
      const end = 4 + buffered.readInt32BE(0);
      if (buffered.length < end) return;
      onFrame(Buffer.from(buffered.subarray(0, end)));
      buffered = buffered.subarray(end);
    }
  };
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port');
  return address.port;
}
