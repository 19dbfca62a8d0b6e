# docker build -t pgcordon .
# docker run -p 6432:6432 -v ./pgcordon.yaml:/etc/pgcordon/pgcordon.yaml:ro -v ./policy.yaml:/etc/pgcordon/policy.yaml:ro pgcordon

FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
# The parser is C, so cgo is needed. For a static program, which runs in an image without any files but itself and its
# configuration, add: -ldflags '-s -w -linkmode external -extldflags -static' -tags netgo,osusergo
RUN CGO_ENABLED=1 go build -trimpath -buildvcs=false -ldflags '-s -w' -o /out/pgcordon ./cmd/pgcordon

FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin pgcordon
COPY --from=build /out/pgcordon /usr/local/bin/pgcordon
USER 10001
EXPOSE 6432 9187
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/pgcordon"]
CMD ["serve", "--config", "/etc/pgcordon/pgcordon.yaml"]
