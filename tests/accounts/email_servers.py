"""Email servers as settings: one that works and others that fail."""

from collections.abc import Sequence

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

WORKING = "django.core.mail.backends.locmem.EmailBackend"
DOWN = "tests.accounts.email_servers.Down"


class Down(BaseEmailBackend):
    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        raise ConnectionRefusedError("nobody listens on port 25")
