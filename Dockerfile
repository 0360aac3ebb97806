# The gateway's own image: one for `migrate`, `worker`, `api` and `deliver`. Build: docker compose build
# Every package comes with its hash from requirements.lock; the base image is the Python that the tests run on.

FROM python:3.11-slim AS build
WORKDIR /build
RUN python -m venv /opt/overgang
COPY requirements.lock ./
RUN /opt/overgang/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.lock
COPY pyproject.toml README.md ./
COPY schemas schemas
COPY streams streams
COPY connectors connectors
RUN /opt/overgang/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps --no-build-isolation .

FROM python:3.11-slim
# The data directory is made here so that a new volume takes over its owner and mode: it holds the keys.
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin overgang \
    && install --directory --owner overgang --group overgang --mode 700 /var/lib/overgang
COPY --from=build /opt/overgang /opt/overgang
ENV PATH=/opt/overgang/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /var/lib/overgang
USER 10001:10001
ENTRYPOINT ["overgang"]
CMD ["--help"]
