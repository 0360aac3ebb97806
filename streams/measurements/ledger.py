"""What one API counts in the ledger every few seconds: these numbers equal rows, whatever restarts."""

from typing import Final

from streams.measurements.labels import CHANNEL, ERROR_CLASS, FLOW, MUNICIPALITY, OUTCOME, TASK_KIND
from streams.measurements.model import Domain, Kind, Measurement, Where

DAYS: Final = 28
"""How far back contacts and registrations are counted."""


def _counted(name: str, unit: str, read: str, labels: dict[str, Domain] | None = None) -> Measurement:
    return Measurement(f"overgang_ledger_{name}", Kind.GAUGE, unit, (Where.LEDGER,), read, labels or {})


COUNTED_AT: Final = _counted(
    "counted_timestamp_seconds",
    "seconds",
    "When these numbers were counted (Unix time). Older than a minute: they are not of now.",
)
INPUTS: Final = _counted(
    "inputs",
    "inputs",
    "Inputs by flow and outcome since the beginning; received is their sum. Grows only.",
    {"flow": FLOW, "outcome": OUTCOME},
)
QUARANTINED: Final = _counted(
    "quarantined",
    "inputs",
    "The quarantine by flow and class. A class that grows in all flows at once: suspect us.",
    {"flow": FLOW, "error_class": ERROR_CLASS},
)
LAG: Final = _counted(
    "lag",
    "inputs",
    "Inputs on the topics that have no outcome: `position` by what the ledger has stored, the truth; `group`"
    " by what was committed for lag tools, somewhat more. Absent while the broker is away.",
    {"flow": FLOW, "of": Domain(("position", "group"))},
)
OUTBOUND: Final = _counted(
    "outbound",
    "messages",
    "Messages that wait for the broker, and those that no topic can ever take.",
    {"state": Domain(("waiting", "undeliverable"))},
)
DELIVERED: Final = _counted(
    "delivered",
    "messages",
    "Messages that recipients' topics have, and that readers of mailboxes have acknowledged, since the"
    " beginning. Webhooks: overgang_webhook_attempts_total.",
    {"channel": Domain(("topic", "mailbox"))},
)
OLDEST: Final = _counted(
    "oldest_seconds",
    "seconds",
    "Age of the oldest message that a channel has not delivered, 0 where none waits; of mailboxes those that"
    " are read, of webhooks those that have agreed.",
    {"channel": CHANNEL},
)
EXCEPTIONS: Final = _counted(
    "webhook_exceptions",
    "messages",
    "Messages that a webhook did not take at the first try and that wait, failed or expired.",
    {"state": Domain(("WAITING", "FAILED", "EXPIRED"))},
)
TASKS: Final = _counted(
    "tasks",
    "tasks",
    "Open and overdue tasks by kind and municipality. `none`: nobody is known to be responsible;"
    " `institutions`: all of them together. Overdue in one"
    " municipality: it does not read, or does not react.",
    {"kind": TASK_KIND, "municipality": MUNICIPALITY, "state": Domain(("open", "overdue"))},
)
CONTACTS: Final = _counted(
    "contacts",
    "tasks",
    f"Duties to contact a young person that opened in the last {DAYS} days, by what became of them.",
    {"municipality": MUNICIPALITY, "timing": Domain(("in_time", "late", "waiting", "overdue"))},
)
CONTACT_DAYS: Final = _counted(
    "contact_days",
    "days",
    f"Days from a notice to the contact, of duties that opened in the last {DAYS} days and are done; all"
    " municipalities. Absent where none is done.",
    {"quantile": Domain(("0.5", "0.9"))},
)
EU: Final = _counted(
    "eu_registrations",
    "cases",
    f"EU/EEA registrations whose notice to the competent state (U009) opened in the last {DAYS} days:"
    " registered within the days that the person has, or later.",
    {"timing": Domain(("in_time", "late"))},
)
EU_NOTICES: Final = _counted(
    "eu_notices",
    "tasks",
    "Those notices (U009), by what became of them.",
    {"timing": Domain(("in_time", "late", "waiting", "overdue"))},
)
STUCK: Final = _counted("stuck_cases", "cases", "Cases whose decision raised. Anything but 0 is our bug.")
STOPPED: Final = _counted(
    "flow_stopped", "1", "1 for a flow that reads no further until it is resumed.", {"flow": FLOW}
)

LEDGER: Final = (
    COUNTED_AT,
    INPUTS,
    QUARANTINED,
    LAG,
    OUTBOUND,
    DELIVERED,
    OLDEST,
    EXCEPTIONS,
    TASKS,
    CONTACTS,
    CONTACT_DAYS,
    EU,
    EU_NOTICES,
    STUCK,
    STOPPED,
)
