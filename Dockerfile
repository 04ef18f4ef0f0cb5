# Kennel for production. What it keeps is in /data: the seed file, and the database where none is configured.
# The test network is not in it: KENNEL_NODE_URL must name a Dogecoin Core node.
FROM python:3.13-slim

# With [eventbridge.NAME] in the configuration: --build-arg LOCK=requirements-eventbridge.lock; with KENNEL_OTEL_URL: requirements-otel.lock
ARG LOCK=requirements.lock
WORKDIR /srv/kennel
COPY requirements.lock requirements-eventbridge.lock requirements-otel.lock ./
RUN pip install --no-cache-dir --disable-pip-version-check --root-user-action=ignore \
        --require-hashes --requirement "$LOCK"
COPY LICENSE README.md ./
COPY migrations migrations
COPY app app
# The user may not write here: without this each start would compile all of it, which takes a third of its time.
RUN python -m compileall -q --invalidation-mode unchecked-hash app migrations

RUN useradd --create-home --uid 10001 kennel && install -d -o kennel -g kennel -m 0700 /data
USER kennel
ENV KENNEL_HOME=/data \
    KENNEL_PUBLIC_BIND=0.0.0.0:8082 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
VOLUME /data
EXPOSE 8081 8082

# For a process without the role http: --no-healthcheck.
HEALTHCHECK --start-period=60s --interval=10s --timeout=5s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8082/health', timeout=4)"]
ENTRYPOINT ["python", "-m", "app"]
CMD ["serve"]
