# The program with the page inside, for a PostGIS named by DATABASE_URL.
FROM node:20-bookworm-slim AS page
WORKDIR /src/web
COPY web/package.json web/package-lock.json web/.npmrc ./
RUN npm ci
COPY web/ ./
RUN npm run build

FROM golang:1.26-bookworm AS program
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
COPY --from=page /src/web/dist/ web/dist/
RUN CGO_ENABLED=1 go build -trimpath -o /out/ ./cmd/gridpatrol ./cmd/gridsim

# The H3 library is C and wants the C library of the stage it was built on.
FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates curl tzdata \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --create-home --home-dir /var/lib/gridpatrol gridpatrol
COPY --from=program /out/gridpatrol /out/gridsim /usr/local/bin/
USER gridpatrol
WORKDIR /var/lib/gridpatrol
ENV GRIDPATROL_LISTEN=0.0.0.0:8080 GRIDPATROL_DATA_DIR=/var/lib/gridpatrol
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s CMD ["curl", "-fsS", "http://127.0.0.1:8080/readyz"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["gridpatrol"]
CMD ["serve"]
