"""Django views with the answer of `GET account/~`, without authentication, to compare with.

`constant` has the JSON ready, `cursor` reads the account with SQL, and `read` with the ORM. There
is no middleware.
"""

import os
from typing import Any

from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.urls import path

from accounts.models import PlatformAccount
from console.api import representations as as_json

ACCOUNT_ID = int(os.environ["ACCOUNT_ID"])


def read(request: HttpRequest) -> JsonResponse:
    return _answer(as_json.account(PlatformAccount.objects.get(pk=ACCOUNT_ID)))


def cursor(request: HttpRequest) -> JsonResponse:
    with connection.cursor() as database:
        database.execute(
            "SELECT main_number, company, environment FROM accounts_platformaccount WHERE id = %s",
            [ACCOUNT_ID],
        )
        main_number, company, environment = database.fetchone()
    return _answer(
        CONSTANT | {"mainNumber": main_number, "company": company, "environment": environment}
    )


def constant(request: HttpRequest) -> JsonResponse:
    return _answer(CONSTANT)


def _answer(body: dict[str, Any]) -> JsonResponse:
    response = JsonResponse(body)
    # Without a length, the server would send the body in chunks.
    response["Content-Length"] = str(len(response.content))
    return response


CONSTANT = as_json.account(PlatformAccount.objects.get(pk=ACCOUNT_ID))
urlpatterns = [path("read", read), path("cursor", cursor), path("constant", constant)]
