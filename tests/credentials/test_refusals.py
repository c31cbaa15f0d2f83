"""Every refusal of both APIs is written down off the request path, and explained."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import OperationalError
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.actions.extensions import change_extension
from accounts.environments import Environment
from accounts.models import AuditEvent
from accounts.models.extensions import ExtensionStatus
from accounts.permissions import UserRole
from credentials import refusals
from credentials.actions.applications import suspend_client, update_application
from credentials.actions.jwt_credentials import revoke_jwt_credential, update_jwt_credential
from credentials.actions.policies import change_policy
from credentials.actions.refusals import forget_old_refusals, record_refusals
from credentials.background import BackgroundWriter
from credentials.models import AppAccess, JwtCredential, Refusal
from credentials.models.policies import Policy
from credentials.models.signing_keys import KeyPurpose
from tests import api, cast
from tests.api import PRODUCTION, SANDBOX, App
from tests.conftest import Rebels, SignIn
from tests.credentials.refusing import asked, failed, marks, recorded
