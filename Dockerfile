# Everything is pinned. For a newer base image, take the digest that this prints:
# docker buildx imagetools inspect python:3.13-slim
ARG BASE=python:3.13-slim@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b

FROM ${BASE} AS build
# EXTRAS=sites adds yt-dlp.
ARG EXTRAS=
WORKDIR /src
RUN python3 -m venv /opt/framehound
COPY requirements.txt requirements-build.txt requirements-sites.txt ./
RUN /opt/framehound/bin/pip install --no-cache-dir --require-hashes -r requirements.txt \
    ${EXTRAS:+-r requirements-${EXTRAS}.txt}
COPY pyproject.toml README.md LICENSE ./
COPY bot bot
COPY cogs cogs
# The build backend gets its own venv, so that it doesn't end up in the image.
RUN python3 -m venv /opt/build \
    && /opt/build/bin/pip install --no-cache-dir --require-hashes -r requirements-build.txt \
    && /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
    && /opt/framehound/bin/pip install --no-cache-dir --no-deps /wheels/*.whl \
    && /opt/framehound/bin/python -m compileall -q /opt/framehound/lib \
    && rm -rf /opt/framehound/lib/python3*/site-packages/pip*

FROM ${BASE}
RUN groupadd --gid 10001 framehound \
    && useradd --uid 10001 --gid framehound --no-create-home --home-dir /data framehound \
    && install -d -o framehound -g framehound -m 0700 /data
COPY --from=build /opt/framehound /opt/framehound
ENV PATH=/opt/framehound/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DATA_DIR=/data \
    METRICS_PORT=9464
USER framehound
WORKDIR /data
VOLUME /data
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s \
    CMD ["python", "-m", "bot.healthcheck"]
ENTRYPOINT ["framehound"]
CMD ["run"]
