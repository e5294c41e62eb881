import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A collector that accepts every span and discards it. It prints its port. */
const server = createServer((request, response) => {
  request.resume();
  request.once('end', () => response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end());
});
server.listen(0, '127.0.0.1', () => console.log((server.address() as AddressInfo).port));
