# The operator. Build from the root of the repository:
#   docker build --file images/operator.Dockerfile --tag retrieval-operator:0.1.0 .
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
RUN pip install --constraint constraints.txt '.[operator]'

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="retrieval-operator" \
      org.opencontainers.image.description="Plans RetrievalServices and runs them through KServe" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN groupadd --gid 65532 nonroot \
 && useradd --uid 65532 --gid 65532 --home-dir /home/nonroot --shell /usr/sbin/nologin nonroot
COPY --from=build /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["retrieval-operator"]
