# The production image. Packages and static files come from the same steps as `make run`.
FROM python:3.13-slim-bookworm AS build
RUN apt-get update \
    && apt-get install --yes --no-install-recommends make \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY Makefile requirements.txt ./
COPY bin/ bin/
RUN make install
COPY . .
# Collecting static files needs some settings. These are the demo's, removed in the same step.
RUN .venv/bin/python -m console.demo_env && make collectstatic && rm -rf .env data

FROM python:3.13-slim-bookworm
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
