# The worker and its command line, for any user id. Build: scripts/build.sh, or docker compose build.
FROM python:3.11.15-slim-trixie AS base

# Everything of the lock and the project itself, in an environment without pip. On a machine for which
# faust-streaming has no wheel (arm64) it installs without its C modules, so no compiler is needed.
FROM base AS build
WORKDIR /src
RUN python -m venv --without-pip /opt/batch
COPY requirements.lock ./
RUN pip --python /opt/batch/bin/python install --no-cache-dir --disable-pip-version-check \
    --require-hashes -r requirements.lock
COPY LICENSE README.md pyproject.toml ./
COPY config/ config/
COPY connectors/ connectors/
COPY worker/ worker/
RUN pip --python /opt/batch/bin/python install --no-cache-dir --disable-pip-version-check \
    --no-deps --no-build-isolation . \
    && pip --python /opt/batch/bin/python uninstall --yes setuptools

FROM base
# what installs and builds stays behind; the folders are open to whichever user the container gets
RUN pip uninstall --yes --root-user-action=ignore setuptools wheel pip \
    && install --directory --mode=1777 /dropzone /var/lib/batch
COPY --from=build /opt/batch /opt/batch
ENV PATH=/opt/batch/bin:$PATH \
    BATCH_DROPZONE=/dropzone \
    BATCH_DATA_DIR=/var/lib/batch \
    NUMBA_CACHE_DIR=/var/lib/batch/numba
# a volume that is new begins as a copy of this; a worker whose cache is cold fills it itself, beside its work
RUN python -c 'from connectors.compiled import warm_up; warm_up()' && chmod --recursive a+rwX /var/lib/batch/numba
USER 1000:1000
EXPOSE 8000
HEALTHCHECK --interval=5s --timeout=5s --start-period=60s --retries=6 \
    CMD ["python", "-c", "import http.client as h, os, sys; c = h.HTTPConnection('127.0.0.1', int(os.environ.get('BATCH_WEB_PORT', '8000')), timeout=4); c.request('GET', '/healthz'); sys.exit(c.getresponse().status != 200)"]
CMD ["batch", "worker"]
