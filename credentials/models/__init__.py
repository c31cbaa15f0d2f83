from credentials.models.app_access import AppAccess, PermittedClient
from credentials.models.applications import Application, Client
from credentials.models.jwt_credentials import JwtCredential
from credentials.models.policies import Policy
from credentials.models.refresh_tokens import EndedSession, RefreshToken
from credentials.models.refusals import Refusal
from credentials.models.rotations import Rotation
from credentials.models.signing_keys import SigningKey
from credentials.models.usage import AddressUse, CallUsage, ExchangeUsage

__all__ = [
    "AddressUse",
    "AppAccess",
    "Application",
    "CallUsage",
    "Client",
    "EndedSession",
    "ExchangeUsage",
    "JwtCredential",
    "PermittedClient",
    "Policy",
    "RefreshToken",
    "Refusal",
    "Rotation",
    "SigningKey",
]
