"""The four dashboards: the flows, a municipality, EU/EEA registrations, and the operation of the gateway."""

from typing import Final

from connectors.dashboards.model import Dashboard, Panel, quantile
from streams.measurements import connectors as of_connectors
from streams.measurements import ledger, worker

_EACH: Final = "max by ({labels}) ({{m}}{chosen})"


def _ledger(labels: str, chosen: str = "") -> str:
    """Only one API tells them; `max` keeps a change of the lead from counting twice."""
    return _EACH.format(labels=labels, chosen=chosen)


_HERE: Final = '{municipality=~"$municipality"}'

FLOWS: Final = Dashboard(
    "overgang-flows",
    "Overgang: flows",
    (
        Panel("Inputs a second", worker.INPUTS, "sum by (flow) (rate({m}[$__rate_interval]))", "{{flow}}"),
        Panel(
            "Inputs by outcome", ledger.INPUTS, "sum by (outcome) (max by (flow, outcome) ({m}))", now=True
        ),
        Panel("Waiting, by flow", ledger.LAG, _ledger("flow", '{of="position"}'), "{{flow}}"),
        Panel(
            "Quarantined, by class",
            ledger.QUARANTINED,
            "sum by (error_class) (max by (flow, error_class) ({m}))",
            "{{error_class}}",
        ),
        Panel("Decided within, 99.9 %", worker.DECIDED, quantile(0.999, "flow"), "{{flow}}"),
        Panel("Age when decided, median", worker.RAISED, quantile(0.5, "flow"), "{{flow}}"),
        Panel("Published within, 99.9 %", worker.PUBLISHED, quantile(0.999, "message"), "{{message}}"),
        Panel("Delivered, in all", ledger.DELIVERED, _ledger("channel"), "{{channel}}", now=True),
        Panel("Oldest not delivered", ledger.OLDEST, _ledger("channel"), "{{channel}}"),
        Panel("Stopped flows", ledger.STOPPED, "sum(max by (flow) ({m}))", now=True),
    ),
    {},
)
MUNICIPALITY: Final = Dashboard(
    "overgang-municipality",
    "Overgang: municipalities",
    (
        Panel(
            "Open and overdue",
            ledger.TASKS,
            f"sum by (state) (max by (kind, municipality, state) ({{m}}{_HERE}))",
            "{{state}}",
        ),
        Panel(
            "Overdue, by kind",
            ledger.TASKS,
            'sum by (kind) (max by (kind, municipality) ({m}{municipality=~"$municipality",state="overdue"}))'
            " or sum by (kind) (0 * max by (kind, municipality, state) ({m}))",
            "{{kind}}",
        ),
        Panel(
            "Most overdue",
            ledger.TASKS,
            'topk(10, sum by (municipality) (max by (kind, municipality, state) ({m}{state="overdue"})))'
            " or vector(0)",
            "{{municipality}}",
            now=True,
        ),
        Panel(
            "Duties to contact, last 28 days",
            ledger.CONTACTS,
            f"sum by (timing) (max by (municipality, timing) ({{m}}{_HERE}))",
            "{{timing}}",
            now=True,
        ),
        Panel("Days to the contact, all", ledger.CONTACT_DAYS, _ledger("quantile"), "{{quantile}}"),
        Panel(
            "Tasks without recipient",
            ledger.TASKS,
            'sum(max by (kind, state) ({m}{municipality="none"})) or vector(0)',
            now=True,
        ),
        Panel("Unread for", of_connectors.UNREAD, "max by (party) ({m}) or vector(0)", "{{party}}"),
    ),
    {"municipality": ledger.TASKS},
)
EU: Final = Dashboard(
    "overgang-eu",
    "Overgang: EU/EEA registrations",
    (
        Panel("Registered, last 28 days", ledger.EU, _ledger("timing"), "{{timing}}", now=True),
        Panel("Notices (U009), last 28 days", ledger.EU_NOTICES, _ledger("timing"), "{{timing}}", now=True),
        Panel(
            "Waiting tasks, by kind",
            ledger.TASKS,
            "sum by (kind) (max by (kind, municipality, state)"
            ' ({m}{kind=~"SEND_U.*|GIVE_PD_U3|REMIND_RETURN"}))',
            "{{kind}}",
        ),
        Panel(
            "Waiting tasks, by municipality",
            ledger.TASKS,
            "sum by (municipality) (max by (kind, municipality, state)"
            ' ({m}{kind=~"SEND_U.*|GIVE_PD_U3|REMIND_RETURN"}))',
            "{{municipality}}",
        ),
        Panel(
            "Messages a second",
            worker.INPUTS,
            'sum by (flow) (rate({m}{flow=~"eu-.*"}[$__rate_interval]))',
            "{{flow}}",
        ),
    ),
    {},
)
OPERATIONS: Final = Dashboard(
    "overgang-operations",
    "Overgang: operations",
    (
        Panel(
            "Requests a second",
            of_connectors.REQUESTS,
            "sum by (status) (rate({m}[$__rate_interval]))",
            "{{status}}",
        ),
        Panel("Time to answer, 99 %", of_connectors.REQUEST, quantile(0.99, "route"), "{{route}}"),
        Panel(
            "Messages by outcome",
            of_connectors.INGEST,
            "sum by (outcome) (rate({m}[$__rate_interval]))",
            "{{outcome}}",
        ),
        Panel("Waiting for Kafka", of_connectors.IN_FLIGHT, "sum({m})"),
        Panel("Storing a batch, 99 %", worker.APPLY, quantile(0.99)),
        Panel("An agent has a batch, 99 %", worker.AGENT, quantile(0.99, "flow"), "{{flow}}"),
        Panel(
            "Batches by outcome",
            worker.BATCHES,
            "sum by (outcome) (rate({m}[$__rate_interval]))",
            "{{outcome}}",
        ),
        Panel("Loop stall", worker.LOOP_STALL, "max by (instance) ({m})", "{{instance}}"),
        Panel("Agents", worker.AGENTS_ALIVE, "min by (instance) ({m})", "{{instance}}", now=True),
        Panel("Relays that lead", worker.RELAY_LEADER, "sum({m})", now=True),
        Panel("Outbound", ledger.OUTBOUND, _ledger("state"), "{{state}}"),
        Panel("Stuck cases", ledger.STUCK, "max({m})", now=True),
        Panel(
            "Webhook posts",
            of_connectors.ATTEMPTS,
            "sum by (verdict) (rate({m}[$__rate_interval])) or vector(0)",
        ),
        Panel("Webhook exceptions", ledger.EXCEPTIONS, _ledger("state"), "{{state}}", now=True),
        Panel("Counted ago", ledger.COUNTED_AT, "time() - max({m})", now=True, unit="s"),
        Panel(
            "Versions",
            worker.BUILD,
            "count by (version, rules, code_lists) ({m})",
            "{{version}} {{rules}}",
            now=True,
        ),
    ),
    {},
)
ALL: Final = (FLOWS, MUNICIPALITY, EU, OPERATIONS)
