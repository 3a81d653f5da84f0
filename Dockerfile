# The one image of Quarterdeck: web, live, workers, beat and provision differ by command only.

FROM python:3.13-slim AS assets
WORKDIR /build
RUN apt-get update && apt-get install -y --no-install-recommends libstdc++6 libatomic1 \
    && rm -rf /var/lib/apt/lists/*
COPY package.json package-lock.json .npmrc requirements-node.txt ./
COPY scripts/assets.py scripts/assets.py
RUN python scripts/assets.py

FROM python:3.13-slim AS packages
COPY requirements.txt .
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --require-hashes --only-binary :all: -r requirements.txt

FROM python:3.13-slim
ENV PATH=/venv/bin:$PATH \
    PYTHONPATH=/app:/app/sdk/src \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DJANGO_SETTINGS_MODULE=controlplane.settings.prod \
    STATIC_ROOT=/app/staticfiles \
    QUARTERDECK_VAR=/var/lib/quarterdeck
RUN useradd --system --uid 10001 --home-dir /var/lib/quarterdeck --create-home quarterdeck
COPY --from=packages /venv /venv
WORKDIR /app
COPY manage.py ./
COPY controlplane controlplane
COPY apps apps
COPY sdk sdk
COPY data data
COPY examples examples
COPY templates templates
COPY static static
COPY deploy/healthcheck.py deploy/healthcheck.py
COPY --from=assets /build/static/vendor static/vendor
RUN QUARTERDECK_SECRET_KEY=build-only-7d1e4b9c2a6f8035-1b2c3d4e5f6a7b8c-9d0e1f2a3b4c5d6e \
    PUBLIC_URL=https://quarterdeck.example LIVE_URL=wss://quarterdeck.example \
    DATABASE_URL=postgresql://build@127.0.0.1:1/build DATABASE_READ_URL=postgresql://build@127.0.0.1:1/build \
    REDIS_URL=redis://127.0.0.1:1/0 \
    python manage.py collectstatic --noinput
USER 10001
EXPOSE 8000 8001
CMD ["granian", "--interface", "wsgi", "--host", "0.0.0.0", "--port", "8000", "controlplane.wsgi:application"]
