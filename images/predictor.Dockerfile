# The predictor, for NVIDIA GPUs and CPUs. Build from the root of the repository:
#   docker build --file images/predictor.Dockerfile --tag retrieval-predictor:0.1.0 .
# CUDA comes with torch's wheels, so the node brings the driver and nothing else.
# pip is configured by the base image. One whose pip finds torch's wheels for CPUs makes the
# smaller image for CPUs alone, from the same file:
#   docker build … --build-arg PYTHON_IMAGE=registry.example.com/python-cpu:3.12 .
# For a release, pin the base: --build-arg PYTHON_IMAGE=python@sha256:…
ARG PYTHON_IMAGE=python:3.12-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
RUN python -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY operator operator
COPY predictor predictor
COPY bench bench
RUN pip install --constraint constraints.txt '.[predictor,tracing]'

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="retrieval-predictor" \
      org.opencontainers.image.description="Serves an embedder or a reranker by the KServe v2 protocol" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN groupadd --gid 65532 nonroot \
 && useradd --uid 65532 --gid 65532 --home-dir /home/nonroot --shell /usr/sbin/nologin nonroot
COPY --from=build /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 65532:65532
EXPOSE 8080 8081
ENTRYPOINT ["retrieval-predictor"]
