"""Django's PostgreSQL backend, for databases that fail over: `ENGINE` of the settings."""
