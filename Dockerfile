# syntax=docker/dockerfile:1
# Dagster, the REST API and the pages. With --build-arg EXTRAS=[local] also PyTorch, to train in the container.
# Port 8000 asks everybody for a token. The Dagster UI stays inside, unless TRAINING_PIPELINE_READ_ONLY_HOST opens a read-only one.
FROM python:3.13-slim-trixie AS build
ARG EXTRAS=
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /build
RUN python -m venv /opt/venv
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY CHANGELOG.md SECURITY.md ./
COPY docs/*.md ./docs/
COPY clients/typescript/README.md ./clients/typescript/
COPY training_pipeline ./training_pipeline
RUN /opt/venv/bin/pip wheel --no-deps --wheel-dir dist . \
 && /opt/venv/bin/pip install --constraint constraints.txt "$(echo dist/*.whl)${EXTRAS}" \
 && /opt/venv/bin/pip uninstall --yes pip

FROM python:3.13-slim-trixie
LABEL org.opencontainers.image.title="training_pipeline" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/venv /opt/venv
RUN useradd --uid 10001 --create-home --shell /usr/sbin/nologin trainer \
 && install --directory --owner=trainer --mode=0700 /var/lib/training_pipeline
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    TRAINING_PIPELINE_STATE_DIR=/var/lib/training_pipeline \
    TRAINING_PIPELINE_API_HOST=0.0.0.0 \
    TRAINING_PIPELINE_AUTH=token
USER 10001
WORKDIR /home/trainer
VOLUME /var/lib/training_pipeline
EXPOSE 8000
STOPSIGNAL SIGINT
HEALTHCHECK --interval=30s --timeout=5s --start-period=120s \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
CMD ["training-pipeline", "up"]
