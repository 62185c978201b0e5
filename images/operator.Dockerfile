# The operator. Build from the root of the repository:
#   docker build --file images/operator.Dockerfile --tag retrieval-operator:0.1.0 .
# Where pip looks is told by a pip.conf that no layer keeps: --secret id=pip.conf,src=pip.conf
# For a release, pin the base: --build-arg PYTHON_IMAGE=python@sha256:…
ARG PYTHON_IMAGE=python:3.12-slim-bookworm

# Requirements are a file of their own: other changes to pyproject.toml install nothing again.
FROM ${PYTHON_IMAGE} AS requirements
WORKDIR /src
COPY images/requirements.py pyproject.toml ./
RUN python requirements.py operator > requirements.txt

# `dependencies` and `package` fill a folder at the same path, and the image lays one over the other:
# a changed line of code is a layer of 4 MB, and the dependencies stay where they were pulled.
FROM ${PYTHON_IMAGE} AS venv
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_PYTHON=/opt/venv
RUN python -m venv --without-pip /opt/venv
WORKDIR /src

FROM venv AS dependencies
COPY constraints.txt ./
COPY --from=requirements /src/requirements.txt ./
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    pip install --constraint constraints.txt --requirement requirements.txt

FROM venv AS package
COPY pyproject.toml README.md LICENSE ./
COPY operator operator
COPY predictor predictor
COPY bench bench
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    pip install --no-deps .

FROM ${PYTHON_IMAGE}
RUN groupadd --gid 65532 nonroot \
 && useradd --uid 65532 --gid 65532 --home-dir /home/nonroot --shell /usr/sbin/nologin nonroot
ENV PATH=/opt/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
COPY --from=dependencies /opt/venv /opt/venv
COPY --from=package /opt/venv /opt/venv
LABEL org.opencontainers.image.title="retrieval-operator" \
      org.opencontainers.image.description="Plans RetrievalServices and runs them through KServe" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0"
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["retrieval-operator"]
