FROM python:3.13-slim AS packages
WORKDIR /build
COPY requirements.lock ./
COPY requirements/build.lock requirements/javascript.lock requirements/
# Two steps: what comes as source only is built with the setuptools of build.lock, not with one fetched unchecked.
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --require-hashes -r requirements/build.lock \
    && /venv/bin/pip install --no-cache-dir --require-hashes --no-build-isolation --use-pep517 \
        -r requirements.lock -r requirements/javascript.lock

FROM python:3.13-slim
# ffmpeg is the distribution's current one: its security updates are wanted with each build.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends ffmpeg \
    && rm -rf /var/lib/apt/lists/*
RUN useradd --create-home --uid 1000 medusa \
    && install -d -o medusa -g medusa -m 700 /app/sessions /app/work
COPY --from=packages /venv /venv
WORKDIR /app
COPY medusa medusa
# Else each start would compile it anew, which costs seconds and memory: its user can't write here.
RUN python -m compileall -q medusa
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1
USER 1000
VOLUME ["/app/sessions", "/app/work"]
HEALTHCHECK --interval=1m --timeout=10s --start-period=1m \
    CMD ["python", "-m", "medusa.cli", "doctor", "--quick"]
ENTRYPOINT ["python", "-m", "medusa.cli"]
# Docker can't be told which ends are for good: after such a one, the container idles instead of starting again.
CMD ["run", "--stay"]
