"""After a backup is restored, a command lists what it doesn't contain."""

import json
from io import StringIO
from pathlib import Path

from django.core.management import CommandError, call_command

from accounts.models import AuditEvent
from tests.conftest import Rebels


def listed(*arguments: str) -> str:
    output = StringIO()
    try:
        call_command("list_lost_changes", *arguments, stdout=output)
    except CommandError as error:
        output.write(str(error))
    return output.getvalue()


def test_changes_after_the_backup_are_listed_those_that_ended_access_first(
    rebels: Rebels, tmp_path: Path
) -> None:
    kept = [event.document for event in AuditEvent.objects.all()]
    assert kept
    export, log = tmp_path / "audit.jsonl", tmp_path / "console.log"
    lines = [json.dumps({"export": {}}), *(json.dumps({"event": each}) for each in kept)]
    export.write_text("\n".join(lines) + "\n")
    assert listed(str(export)) == "This database contains every change in these files.\n"

    late = {
        "at": "2027-01-11T10:40:00.000000Z",
        "actor_label": "luke@rebels.example",
        "target_id": "7",
        "target_label": "CI",
        "target_type": "jwtcredential",
    }
    # The restored database has given this number to another event.
    created = {**kept[0], **late, "kind": "jwt_credential.created"}
    revoked = {**late, "id": 10**12, "kind": "jwt_credential.revoked"}
    lost = [json.dumps({"event": each, "seal": None}) for each in (created, revoked)]
    export.write_text("\n".join([*lines, *lost]))
    request = {"event": "request_finished", "code": 302, "user_id": "12"}
    log.write_text(
        "not JSON\n"
        + "".join(
            f"vm console: {json.dumps({**request, 'timestamp': at, 'request': what})}\n"
            for at, what in (
                ("2027-01-11T10:41:00Z", "POST /console/apps/create"),
                ("2027-01-11T10:42:00Z", "GET /console/apps"),
                ("2027-01-11T10:20:00Z", "POST /console/apps/create"),
            )
        )
    )
    assert listed(str(export), str(log), "--since", "2027-01-11T10:30:00Z").splitlines() == [
        "Access that the restore brought back. End it again:",
        "2027-01-11T10:40:00.000000Z\tjwt_credential.revoked\tjwtcredential CI (7)"
        "\tluke@rebels.example",
        "Other changes:",
        "2027-01-11T10:40:00.000000Z\tjwt_credential.created\tjwtcredential CI (7)"
        "\tluke@rebels.example",
        "2027-01-11T10:41:00Z\trequest\tPOST /console/apps/create\t12",
        "3 changes are missing from this database.",
    ]
    assert "Can't read /nowhere" in listed("/nowhere")
