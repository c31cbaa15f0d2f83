from datetime import UTC, datetime, timedelta

# RFC 7523 §3 requires `exp`; a credential without expiration date carries this one.
NEVER = datetime(2099, 12, 31, tzinfo=UTC)
EXPIRES_SOON = timedelta(days=30)
# Days before the expiry at which the owner is reminded.
REMINDERS = (1, 7, 30)
# A reminder on the day of creation would tell owners what they just chose.
UNREMINDED = timedelta(days=1)
