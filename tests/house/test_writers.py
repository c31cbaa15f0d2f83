"""Only `actions/` writes rows. This file lists the few exceptions, each with its reason."""

import ast
import functools
from collections import defaultdict
from collections.abc import Iterator

import pytest
from django.apps import apps

from tests.house.sources import Source, sources

WRITES = {
    "abulk_create", "acreate", "adelete", "asave", "aupdate",
    "bulk_create", "bulk_update", "create", "create_user", "delete", "execute", "executemany",
    "get_or_create", "raw_delete", "save", "update", "update_or_create", "write_row",
}  # fmt: skip
# These write only if the receiver is a related manager. Sets and lists have the same methods.
RELATED_WRITES = {"add", "clear", "remove", "set"}

# `file: function: call`, with the reason: it does not write a model, or it can do so here.
ALLOWED = {
    "accounts/audit.py: record: AuditEvent.objects.create": "inside the action that calls it",
    "accounts/notices.py: tell: Notice.objects.bulk_create": "inside the action that calls it",
    "core/sessions.py: SessionStore.save: super().save": "Django's own, with another error",
    "accounts/emails.py: _attempt: email.save": "a row of the email library, after the commit",
    "console/management/commands/tick.py: _turns: cache.delete": "a lock, not a row",
    "accounts/sign_in/failures.py: take_failures: cache.delete": "a counter, not a row",
    "accounts/models/users.py: UserManager.note_activity: self.filter(models.Q("
    "last_active_at__isnull=True) | models.Q(last_active_at__lt=stale), pk=user.pk).update": (
        "when someone last used the console: never decides about access"
    ),
    "credentials/models/applications.py: ClientQuerySet.note_former_secret_use: self.filter("
    "models.Q(former_secret_used_at__isnull=True) | models.Q(former_secret_used_at__lt=use.at), "
    "pk=use.client_pk, former_secret_digest=use.digest).update": (
        "who still uses a secret that is about to end: never decides about access"
    ),
    "credentials/models/usage.py: ExchangeUsageQuerySet.note_days: credentials.filter("
    "pk__in=ids, last_used_on__lt=day).update": "the day of the last use, for lists",
    "core/postgresql/statements.py: _first: cursor.execute": "the statements of the hot paths",
    "credentials/models/usage.py: ExchangeUsageManager.count_exchange: statements.write": (
        "how often a credential is exchanged: never decides about access"
    ),
    "core/postgresql/prepared.py: Statements.first: connection.execute": (
        "an empty statement: psycopg begins the transaction"
    ),
    "credentials/models/usage_statements.py: upsert: statements.write": (
        "calls: what programs do, written in the background"
    ),
    "credentials/models/usage.py: _note_places: statements.write": "addresses, likewise",
    "credentials/models/usage.py: AddressUseQuerySet._forget_all_but_the_last: self.filter("
    "pk__in=list(free.values_list('pk', flat=True))).delete": "keeps the addresses few",
    # Actions would take hours for a hundred thousand credentials. Tests compare the rows.
    "console/load/bulk.py: insert: type(made[0])._default_manager.bulk_create": "seed_load",
    "console/load/bulk.py: _in_batches: model._default_manager.bulk_create": "seed_load on SQLite",
    "console/load/bulk.py: _copy: copy.write_row": "seed_load on PostgreSQL",
    "console/load/bulk.py: analyze: cursor.execute": "ANALYZE",
    "core/postgresql/base.py: is_alive: connection.execute": "asks whether the server answers",
    "core/postgresql/base.py: require_writes: connection.execute": ("asks whether it is a standby"),
    "console/deploy_checks.py: database_role: cursor.execute": "asks who owns the tables",
    "accounts/forms/factors.py: RequestResetForm.save: super().save": "sends the link of a reset",
    "console/database_copy.py: _reset_sequences: cursor.execute": "the next keys after a copy",
    "console/settings.py: (module): globals().update": "a dict",
    "core/postgresql/statements.py: JoinedSelect.first: found.update": "a dict",
    "core/postgresql/statements.py: instance: attributes.update": "a dict",
}


def related_managers() -> set[str]:
    """The attributes that hold several rows: many-to-many fields and reverse relations."""
    names = set()
    for model in apps.get_models():
        names |= {field.name for field in model._meta.many_to_many}
        names |= {relation.get_accessor_name() or "" for relation in model._meta.related_objects}
    return names


RELATED = related_managers()


def is_write(call: ast.Call) -> bool:
    if not isinstance(call.func, ast.Attribute):
        return False
    receiver = call.func.value
    if isinstance(receiver, ast.Name) and receiver.id == "statements":
        return call.func.attr in {"insert", "write"}
    if call.func.attr in RELATED_WRITES:
        return isinstance(receiver, ast.Attribute) and receiver.attr in RELATED
    return call.func.attr in WRITES


def writes(source: Source) -> Iterator[str]:
    """Yield `function: call` for every call in a file that can write a row."""
    owners = {
        call: name
        for name, function in source.functions()  # outer functions first, so the inner one stays
        for call in ast.walk(function)
        if isinstance(call, ast.Call)
    }
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and is_write(node):
            yield f"{owners.get(node, '(module)')}: {ast.unparse(node.func)}"


def is_action(source: Source) -> bool:
    return source.path.parent.name == "actions"


@functools.cache
def found() -> set[str]:
    """Every write outside actions."""
    return {
        f"{source.name}: {write}"
        for source in sources()
        if not is_action(source)
        for write in writes(source)
    }


ACTIONS = [source for source in sources() if is_action(source)]


def test_only_actions_write() -> None:
    elsewhere = sorted(found() - set(ALLOWED))
    assert elsewhere == [], "Move it to an action, or add it to ALLOWED with a reason."


def test_every_exception_is_still_needed() -> None:
    stale = set(ALLOWED) - found()
    assert not stale


def test_there_are_actions_in_both_apps() -> None:
    """Otherwise the rules below would pass without checking anything."""
    assert {source.name.partition("/")[0] for source in ACTIONS} == {"accounts", "credentials"}


# Programs do these: they use tokens, seal events every minute, and record refused requests a second
# later. No person decides it, so there is no audit event. Superseding is a step of actions that
# record an event themselves.
DONE_BY_PROGRAMS = {
    "accounts/actions/seals.py",
    "credentials/actions/superseding.py",
    "credentials/actions/refresh_tokens.py",
    "credentials/actions/refusals.py",
    "credentials/actions/usage.py",
}
# These concern only the person who reads, or remove old rows in `manage.py tick`. A file, or one
# function of it.
NO_EVENT = {
    # A step of pausing and resuming, which record an event themselves.
    "credentials/actions/rotations.py: move_deadline",
    "accounts/actions/devices.py: remove_forgotten_devices",
    "accounts/actions/factors.py: use_code",
    "accounts/actions/notices.py",
    "accounts/actions/sessions.py: forget_ended_sessions",
    "accounts/actions/sessions.py: renew_session",
}


def decorators(function: ast.FunctionDef) -> set[str]:
    return {ast.unparse(decorator) for decorator in function.decorator_list}


def arguments(function: ast.FunctionDef) -> set[str]:
    return {argument.arg for argument in (*function.args.args, *function.args.kwonlyargs)}


def calls(function: ast.FunctionDef) -> set[str]:
    return {ast.unparse(node.func) for node in ast.walk(function) if isinstance(node, ast.Call)}


def writing_functions(source: Source) -> Iterator[tuple[str, ast.FunctionDef]]:
    """Public functions that write rows. Private helpers leave the rest to their callers."""
    for name, function in source.functions():
        direct = any(isinstance(node, ast.Call) and is_write(node) for node in ast.walk(function))
        if direct and not name.startswith("_"):
            yield name, function


@pytest.mark.parametrize("source", ACTIONS, ids=lambda source: source.name)
def test_actions_are_atomic_and_recorded(source: Source) -> None:
    """Each takes the origin of its request, is atomic, and writes an audit event."""
    for name, function in writing_functions(source):
        where = f"{source.name}: {name}"
        assert "transaction.atomic" in decorators(function), where
        if source.name in DONE_BY_PROGRAMS or {source.name, where} & NO_EVENT:
            continue
        assert "origin" in arguments(function), where
        assert "audit.record" in calls(function), where


def columns_of_one_model() -> set[str]:
    """Columns that only one model has. An assignment does not show its model."""
    models: dict[str, set[str]] = defaultdict(set)
    for model in apps.get_models():
        for field in model._meta.concrete_fields:
            models[field.name].add(model.__name__)
            models[field.attname].add(model.__name__)
    return {name for name, owners in models.items() if len(owners) == 1}


def changed_columns(tree: ast.AST) -> Iterator[str]:
    """The columns that a file assigns, updates or saves, except when it creates a row."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            yield from (
                target.attr
                for assigned in node.targets
                for target in (assigned.elts if isinstance(assigned, ast.Tuple) else [assigned])
                if isinstance(target, ast.Attribute)
            )
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            keywords = {keyword.arg: keyword.value for keyword in node.keywords if keyword.arg}
            if node.func.attr == "update":
                yield from keywords
            saved = keywords.get("update_fields")
            if isinstance(saved, ast.List):
                yield from (
                    str(each.value) for each in saved.elts if isinstance(each, ast.Constant)
                )


# The reason why two actions change the column.
_DECIDES = "a new console role also decides the open request for access"
TWO_WRITERS = {
    "decided_at": _DECIDES,
    "decided_by": _DECIDES,
    "decision": _DECIDES,
    "decision_reason": _DECIDES,
}


def test_a_column_has_one_writer() -> None:
    """So an event on every revocation, for example, needs one hook."""
    known = columns_of_one_model()
    writers: dict[str, set[str]] = defaultdict(set)
    for source in ACTIONS:
        for name in known.intersection(changed_columns(source.tree)):
            writers[name].add(source.name)
    several = {name: sorted(files) for name, files in writers.items() if len(files) > 1}
    assert several.keys() == TWO_WRITERS.keys(), several
    assert writers["revoked_at"] == {"credentials/actions/revocations.py"}
