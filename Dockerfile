# Two stages: the first has pip and makes the venv, the second only runs it, as a user without rights.
FROM python:3.11-slim-bookworm AS builder
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /app
RUN python -m venv /opt/venv
# Dependencies first: this layer is made again only when the lock changes. pip compiles the bytecode.
COPY requirements.image.lock ./
RUN /opt/venv/bin/python -m pip install --require-hashes -r requirements.image.lock
COPY pyproject.toml README.md LICENSE chainlit.md ./
COPY .chainlit ./.chainlit
COPY public ./public
COPY core ./core
COPY memory ./memory
COPY tools ./tools
COPY agents ./agents
COPY graphs ./graphs
COPY api ./api
COPY chat ./chat
RUN /opt/venv/bin/python -m pip install --no-deps --no-build-isolation -e . \
    && /opt/venv/bin/python -m compileall -q core memory tools agents graphs api chat

FROM python:3.11-slim-bookworm
LABEL org.opencontainers.image.title="Staffwork" \
      org.opencontainers.image.description="A self-hosted chief of staff in the browser" \
      org.opencontainers.image.licenses="Apache-2.0"
# The sandbox, and git for what runs in it. It holds only in the runner's container (compose.yaml, docs/operating.md#sandbox).
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends bubblewrap git && rm -rf /var/lib/apt/lists/*
COPY --from=builder /opt/venv /opt/venv
COPY --from=builder /app /app
RUN groupadd --gid 10001 staffwork \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin staffwork \
    && install -d -o 10001 -g 10001 -m 700 /data /data/workspaces /run/staffwork
ENV PATH=/opt/venv/bin:$PATH \
    HOME=/tmp \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    STAFFWORK_DATA_DIR=/data \
    STAFFWORK_HOST=0.0.0.0 \
    STAFFWORK_PORT=8000
WORKDIR /app
USER 10001:10001
VOLUME ["/data"]
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:' + os.environ['STAFFWORK_PORT'] + '/healthz', timeout=4)"]
CMD ["staffwork", "serve"]
