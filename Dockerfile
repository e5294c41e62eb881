# The image for registries: docker build --platform=linux/amd64 -t NAME:TAG .
#
# Its build is not tested: the project's own machines have no Docker, and `npm start` and the tests use the image that
# lab/image writes without Docker. lab/image/dockerfile.test.ts checks that both have the same files and configuration.
FROM node:24.21.0-bookworm-slim AS build

# The base: Node, the libraries it is linked against, the certificates it trusts, and what every container expects.
RUN mkdir -p /base/app /base/proc /base/sys /base/dev /base/usr/bin /base/etc/ssl/certs \
 && mkdir -m 1777 /base/tmp \
 && cp /usr/local/bin/node /base/usr/bin/node \
 && cp --dereference --parents -t /base \
      /lib64/ld-linux-x86-64.so.2 \
      /lib/x86_64-linux-gnu/libc.so.6 \
      /lib/x86_64-linux-gnu/libdl.so.2 \
      /lib/x86_64-linux-gnu/libgcc_s.so.1 \
      /lib/x86_64-linux-gnu/libm.so.6 \
      /lib/x86_64-linux-gnu/libpthread.so.0 \
      /lib/x86_64-linux-gnu/libstdc++.so.6 \
 && node -p 'tls.rootCertificates.join("\n")' > /base/etc/ssl/certs/ca-certificates.crt
COPY <<EOF /base/etc/passwd
root:x:0:0:root:/root:/usr/bin/node
nonroot:x:65532:65532:nonroot:/app:/usr/bin/node
EOF
COPY <<EOF /base/etc/group
root:x:0:
nonroot:x:65532:
EOF
COPY <<EOF /base/etc/nsswitch.conf
hosts: files dns
EOF

# The packages of production, without files that only a compiler or a debugger reads.
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --omit=optional \
 && rm node_modules/.package-lock.json \
 && find node_modules -name .bin -type d -prune -exec rm -r {} + \
 && find node_modules -type f -regex '.*\(\.d\.[cm]?ts\|\.map\)' -delete \
 && find node_modules -type d -empty -delete

FROM scratch
COPY --from=build /base/ /
COPY --from=build /app/node_modules /app/node_modules
# .dockerignore leaves tests and their support out of these.
COPY package.json sumpipeline.ts /app/
COPY audit /app/audit
COPY cli /app/cli
COPY contract /app/contract
COPY core /app/core
COPY kube /app/kube
COPY operator /app/operator
COPY platform /app/platform
COPY services /app/services
ENV PATH=/usr/bin
ENV NODE_ENV=production
ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
USER 65532:65532
WORKDIR /app
# kafkajs sometimes sets timers in the past. The warning is cosmetic and would be the only log line that is not JSON.
ENTRYPOINT ["/usr/bin/node", "--disable-warning=TimeoutNegativeWarning", "/app/sumpipeline.ts"]
