"""The models that Authlib's grant needs: clients, people, their consents, and tokens."""

from typing import Any, ClassVar

from authlib.oauth2.rfc6749 import ClientMixin
from django.db import models


class OAuth2Client(models.Model, ClientMixin):  # type: ignore[misc]
    client_id = models.CharField(max_length=64, unique=True)
    public_jwk = models.JSONField()
    scope = models.TextField()

    objects: ClassVar = models.Manager["OAuth2Client"]()

    class Meta:
        app_label = "authlib_peer"

    def __str__(self) -> str:
        return self.client_id

    def get_client_id(self) -> str:
        return self.client_id

    def get_allowed_scope(self, scope: str) -> str:
        allowed = set(self.scope.split())
        return " ".join(name for name in scope.split() if name in allowed)

    def check_grant_type(self, grant_type: str) -> bool:
        return True


class Person(models.Model):
    name = models.CharField(max_length=100)
    is_active = models.BooleanField(default=True)

    objects: ClassVar = models.Manager["Person"]()

    class Meta:
        app_label = "authlib_peer"

    def __str__(self) -> str:
        return self.name

    def get_user_id(self) -> Any:
        return self.pk


class Permission(models.Model):
    """A person's consent that a client acts for them."""

    client = models.ForeignKey(OAuth2Client, on_delete=models.CASCADE)
    person = models.ForeignKey(Person, on_delete=models.CASCADE)
    revoked_at = models.DateTimeField(null=True)

    objects: ClassVar = models.Manager["Permission"]()

    class Meta:
        app_label = "authlib_peer"

    def __str__(self) -> str:
        return f"{self.client} for {self.person}"


class OAuth2Token(models.Model):
    client_id = models.CharField(max_length=64)
    user_id = models.BigIntegerField()
    token_type = models.CharField(max_length=40)
    access_token = models.TextField()
    scope = models.TextField()
    expires_in = models.IntegerField()
    issued_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar = models.Manager["OAuth2Token"]()

    class Meta:
        app_label = "authlib_peer"

    def __str__(self) -> str:
        return f"token of {self.client_id}"
