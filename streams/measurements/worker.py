"""What a worker tells. Counters begin at 0 with the process: use `rate` and `increase`."""

from typing import Final

from streams.measurements.labels import DIGEST, ERROR_CLASS, FLOW, OUTCOME, SHORT, SYSTEM, WAITING
from streams.measurements.model import Domain, Kind, Measurement, Where
from streams.measurements.traces import SPANS_DROPPED

_HERE: Final = (Where.WORKER,)
_MONTH: Final = (1.0, 10.0, 60.0, 600.0, 3600.0, 21600.0, 86400.0, 604800.0, 2592000.0)

INPUTS: Final = Measurement(
    "overgang_inputs_total",
    Kind.COUNTER,
    "inputs",
    _HERE,
    "Inputs that got their outcome in this process: the rate. How many there are in all says"
    " overgang_ledger_inputs.",
    {"flow": FLOW, "outcome": OUTCOME},
)
QUARANTINED: Final = Measurement(
    "overgang_quarantined_total",
    Kind.COUNTER,
    "inputs",
    _HERE,
    "Inputs that could not be accepted, by class and by the system that proved to have sent them (empty where"
    " none has). SEAL_BROKEN, NOT_SEALED: somebody writes to the topics who should not.",
    {"flow": FLOW, "error_class": ERROR_CLASS, "system": SYSTEM},
    at_most=2_000,
)
BATCHES: Final = Measurement(
    "overgang_batches_total",
    Kind.COUNTER,
    "batches",
    _HERE,
    "Batches by what became of them. `retried` grows while the database is away; `fenced` now and then is a"
    " rebalance, steadily it is two readers of one partition.",
    {"flow": FLOW, "outcome": Domain(("applied", "retried", "fenced", "stopped", "dropped"))},
)
APPLY: Final = Measurement(
    "overgang_apply_seconds",
    Kind.HISTOGRAM,
    "seconds",
    _HERE,
    "Decoding and storing one batch. Above 1 s: long case histories or a slow database disk.",
    buckets=SHORT,
)
RAISED: Final = Measurement(
    "overgang_raised_seconds",
    Kind.HISTOGRAM,
    "seconds",
    _HERE,
    "From the time that the sender gave its message until it was decided: how late senders are. Days: a"
    " system that sends in the night, or a backlog on their side.",
    {"flow": FLOW},
    _MONTH,
)
DECIDED: Final = Measurement(
    "overgang_decided_seconds",
    Kind.HISTOGRAM,
    "seconds",
    _HERE,
    "From the broker's date of an input until its outcome was stored. Service level: 99.9 % within 30 s. What"
    " waits is not in it yet: see overgang_ledger_lag.",
    {"flow": FLOW},
    WAITING,
)
PUBLISHED: Final = Measurement(
    "overgang_published_seconds",
    Kind.HISTOGRAM,
    "seconds",
    _HERE,
    "From the decision until the broker had the message. Service level: tasks within 60 s, mandatory ones"
    " among them (all go one way). What waits is not in it yet: see overgang_ledger_oldest_seconds.",
    {"message": Domain(("task", "receipt", "forward"))},
    WAITING,
)
UNPUBLISHED: Final = Measurement(
    "overgang_outbound_unpublished",
    Kind.GAUGE,
    "messages",
    _HERE,
    "Rows that wait for the broker, as the leading relay sees them (0 on others). Growing: the relay or a"
    " recipient's topic is stuck.",
)
RELAY_PUBLISHED: Final = Measurement(
    "overgang_relay_published_total",
    Kind.COUNTER,
    "messages",
    _HERE,
    "Rows marked published after the broker had acknowledged them.",
)
RELAY_LEADER: Final = Measurement(
    "overgang_relay_leader",
    Kind.GAUGE,
    "1",
    _HERE,
    "1 while this worker's relay leads. Over all workers the sum is 1; 0 for long: nobody publishes.",
)
STOPPED_FLOWS: Final = Measurement(
    "overgang_stopped_flows",
    Kind.GAUGE,
    "flows",
    _HERE,
    "Flows that read no further until they are resumed. Anything but 0 wants a person.",
)
STUCK_CASES: Final = Measurement(
    "overgang_stuck_cases",
    Kind.GAUGE,
    "cases",
    _HERE,
    "Cases whose decision raised: facts kept, tasks old. Anything but 0 is our bug.",
)
SUSPENDED_SENDERS: Final = Measurement(
    "overgang_suspended_senders",
    Kind.GAUGE,
    "systems",
    _HERE,
    "Systems that may send nothing since too much of what they signed could not be accepted. Anything but 0"
    " wants a person.",
)
LOOP_STALL: Final = Measurement(
    "overgang_loop_stall_seconds",
    Kind.GAUGE,
    "seconds",
    _HERE,
    "How late the event loop woke up, one look a second. Above 0.5: something blocks it.",
)
AGENTS_ALIVE: Final = Measurement(
    "overgang_agents_alive",
    Kind.GAUGE,
    "agents",
    _HERE,
    "Flow agents that run. Fewer than the number of flows: the worker is about to exit 1.",
)
IN_HAND: Final = Measurement(
    "overgang_batches_in_hand",
    Kind.GAUGE,
    "batches",
    _HERE,
    "Batches that the flow's agent has taken and not ended, by Faust's sensor: 0 or 1. 1 for minutes: the"
    " agent hangs, or the database is away.",
    {"flow": FLOW},
)
AGENT: Final = Measurement(
    "overgang_agent_seconds",
    Kind.HISTOGRAM,
    "seconds",
    _HERE,
    "How long an agent had a batch, waits for a thread and retries with it, by Faust's sensor. Much more than"
    " overgang_apply_seconds: too few threads, or the database was away.",
    {"flow": FLOW},
    (0.01, 0.1, 1.0, 10.0, 60.0),
)
BUILD: Final = Measurement(
    "overgang_build_info",
    Kind.GAUGE,
    "1",
    (Where.WORKER, Where.API),
    "Always 1; the labels tell version, rule sets and code lists (the first 12 characters of their SHA-256)."
    " More than one line of a process: not all run the same version.",
    {"version": DIGEST, "rules": DIGEST, "code_lists": DIGEST},
    at_most=1,
)

WORKER: Final = (
    INPUTS,
    QUARANTINED,
    BATCHES,
    APPLY,
    RAISED,
    DECIDED,
    PUBLISHED,
    UNPUBLISHED,
    RELAY_PUBLISHED,
    RELAY_LEADER,
    STOPPED_FLOWS,
    STUCK_CASES,
    SUSPENDED_SENDERS,
    LOOP_STALL,
    AGENTS_ALIVE,
    IN_HAND,
    AGENT,
    BUILD,
    SPANS_DROPPED,
)
