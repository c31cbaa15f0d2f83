# The production image. Packages and static files come from the same steps as `make run`.
# .dockerignore leaves out tests and everything of the demo.
FROM python:3.13-slim-trixie AS build
RUN apt-get update \
    && apt-get install --yes --no-install-recommends make \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY Makefile requirements.txt ./
COPY bin/ bin/
RUN make install
COPY . .
# Collecting static files needs some settings, with secrets that are used once.
RUN SECRET_KEY="$(python -c 'import secrets; print(secrets.token_urlsafe(64))')" \
    KEY_ENCRYPTION_KEYS="$(python -c 'import base64, secrets; print(base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())')" \
    ORIGIN=http://localhost \
    DATABASE_URL=sqlite://:memory: \
    make collectstatic

FROM python:3.13-slim-trixie
ENV PATH=/app/.venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    GRANIAN_HOST=0.0.0.0
RUN useradd --system --uid 10001 --home-dir /nonexistent console
WORKDIR /app
COPY --from=build /app /app
USER console
EXPOSE 8000
CMD ["bin/serve"]
