"""Is access on the broker what the registry of parties says?"""

from confluent_kafka import KafkaException

from connectors.administration.plan import Line
from connectors.broker import admin_client
from connectors.cli.finding import Finding
from connectors.cli.topics_plan import planned
from connectors.settings import Settings
from schemas.problems import OvergangError

_PART = "access"
_NOT_OURS = ("CLUSTER_AUTHORIZATION_FAILED", "TOPIC_AUTHORIZATION_FAILED")


def access(settings: Settings) -> Finding:
    """For a broker and a database that answer. Only the operator's user may look; others are told so."""
    try:
        plan, there = planned(admin_client(settings), settings)
    except KafkaException as refused:
        name = refused.args[0].name()
        if name in _NOT_OURS:
            found = f"not looked at: the user {settings.kafka_user} may not see it, the operator's may"
            return Finding(_PART, True, found)
        return Finding(_PART, False, f"the broker does not tell it ({name})", "run it again; see its log")
    except OvergangError as failed:
        return Finding(_PART, False, str(failed), "see `overgang topics diff`")
    if there.acls is None:
        if settings.profile == "embedded":
            return Finding(_PART, True, "not looked at: the broker has no authorizer")
        found = "the broker has no authorizer, so everybody may do everything"
        return Finding(_PART, False, found, "set authorizer.class.name on it")
    lines = [line for line in plan.lines() if line.what.startswith("access of ")]
    if not lines:
        return Finding(_PART, True, f"{len(there.acls)} lines, none to change")
    delete = " --allow-delete" if any(line.action == "delete" for line in lines) else ""
    return Finding(_PART, False, _told(lines), f"see `overgang topics diff`; `overgang topics apply{delete}`")


def _told(lines: list[Line]) -> str:
    missing = sum(line.action == "make" for line in lines)
    return (
        f"{missing} missing, {len(lines) - missing} that should not be, such as {lines[0].what}: "
        f"{lines[0].detail}"
    )
