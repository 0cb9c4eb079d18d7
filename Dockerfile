# One image for web, worker, beat, migrate and the simulator. Dependencies are locked and hashed; nothing runs as root.
FROM python:3.11-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/venv
COPY requirements/runtime.lock /tmp/runtime.lock
RUN /opt/venv/bin/pip install --no-deps --require-hashes -r /tmp/runtime.lock

FROM python:3.11-slim
# Letters that the fonts inside typst lack, such as Javanese: PDF/A refuses a name it cannot set (certificates/pdf.py).
RUN apt-get update && apt-get install -y --no-install-recommends fonts-noto-core && rm -rf /var/lib/apt/lists/*
RUN groupadd --gid 10001 portal && useradd --uid 10001 --gid portal --no-create-home --shell /usr/sbin/nologin portal \
    && install -d -o portal -g portal /srv/static /srv/copy /srv/state /srv/state/keys
COPY --from=build /opt/venv /opt/venv
COPY . /srv/portal
WORKDIR /srv/portal
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DEMO=0 \
    STATE_DIR=/srv/state \
    STATIC_ROOT=/srv/static \
    BIND=0.0.0.0:8000
RUN python -m victori.translations && python -m compileall -q .
USER 10001:10001
EXPOSE 8000
CMD ["gunicorn", "-c", "python:victori.gunicorn_conf", "victori.wsgi"]
