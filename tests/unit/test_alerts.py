"""Each alert fires on what it is for and stays silent beside it; it has a page, and each page its alert."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from streams.measurements import ALL
from streams.measurements.model import Kind

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs" / "examples"
RULES = EXAMPLES / "alerts.yml"
GROUPS = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
ALERTS = [rule for group in GROUPS for rule in group["rules"] if "alert" in rule]
NAMES = sorted({rule["alert"] for rule in ALERTS})
NO_ALERT = {
    "README",
    "party-merges-or-closes",
    "lost-pseudonym-key",
    "backup-and-restore",
    "first-installation",
    "upgrade",
    "new-rule-set",
    "rotate-keys-and-certificates",
}
"""Pages about what is planned, or what no number shows."""
needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None and not os.environ.get("CI"),
    reason="promtool is not installed (apt-get install prometheus)",
)


@dataclass(frozen=True)
class Story:
    """Series a minute apart, each as `name{labels}` and values; `at`: when it is looked at."""

    fires: dict[str, str]
    silent: dict[str, str]
    at: str = "90m"
    alerts: int = 1


def late(name: str, bound: str, share: str, more: str = "") -> dict[str, str]:
    """A histogram of 1,000 a minute, of which so many come within the bound."""
    return {
        f'{name}_bucket{{le="{bound}"{more}}}': f"0+{share}x400",
        f"{name}_count{{{more[1:]}}}": "0+1000x400",
    }


LEADER = {"overgang_ledger_leader": "1x120"}
TASK = ',message="task"'
STORIES = {
    # 2 % late: 20 times as fast as may be, so both windows fire; 0.2 % is twice as fast, and neither does.
    "DecisionsSlow": Story(
        late("overgang_decided_seconds", "30.0", "980"),
        late("overgang_decided_seconds", "30.0", "998"),
        "370m",
        2,
    ),
    "TasksPublishedLate": Story(
        late("overgang_published_seconds", "60.0", "980", TASK),
        late("overgang_published_seconds", "60.0", "998", TASK)
        # Receipts that are late are not tasks.
        | late("overgang_published_seconds", "60.0", "500", ',message="receipt"'),
        "370m",
        2,
    ),
    "ProcessDown": Story(
        {'up{job="overgang-api"}': "0x120"}, {'up{job="overgang-api"}': "1x120", 'up{job="other"}': "0x120"}
    ),
    "DatabaseAway": Story(
        {"overgang_ledger_leader": "0x120"},
        LEADER | {'overgang_batches_total{outcome="retried"}': "7x120"},
    ),
    "BrokerAway": Story(LEADER, LEADER | {'overgang_ledger_lag{flow="mentor",of="position"}': "5x120"}),
    "NobodyPublishes": Story(
        {'overgang_relay_leader{instance="a"}': "0x120", 'overgang_relay_leader{instance="b"}': "0x120"},
        {
            'overgang_relay_leader{instance="a"}': "0x120",
            'overgang_relay_leader{instance="b"}': "1x120",
            'overgang_ledger_oldest_seconds{channel="topic"}': "30x120",
            'overgang_ledger_oldest_seconds{channel="webhook"}': "9000x120",
        },
    ),
    "InputsWait": Story(
        {
            'overgang_ledger_lag{flow="mentor",of="position"}': "3x120",
            'overgang_ledger_inputs{flow="mentor",outcome="accepted"}': "8x120",
            'overgang_ledger_inputs{flow="enrolment",outcome="accepted"}': "0+1x120",
        },
        {
            'overgang_ledger_lag{flow="mentor",of="position"}': "3x120",
            'overgang_ledger_inputs{flow="mentor",outcome="accepted"}': "0+1x120",
            'overgang_ledger_inputs{flow="mentor",outcome="quarantined"}': "0x120",
            'overgang_ledger_lag{flow="enrolment",of="group"}': "9x120",
        },
    ),
    "FlowStopped": Story(
        {'overgang_ledger_flow_stopped{flow="mentor"}': "1x120"},
        {'overgang_ledger_flow_stopped{flow="mentor"}': "0x120"},
    ),
    "WorkerStalls": Story(
        {
            'overgang_batches_in_hand{instance="a",flow="mentor"}': "1x120",
            'overgang_agent_seconds_count{instance="a",flow="mentor"}': "9x120",
        },
        {
            'overgang_loop_stall_seconds{instance="a"}': "0.01x120",
            'overgang_batches_in_hand{instance="a",flow="mentor"}': "1x120",
            'overgang_agent_seconds_count{instance="a",flow="mentor"}': "0+1x120",
        },
    ),
    "SenderSuspended": Story(
        {
            'overgang_suspended_senders{instance="a"}': "1x120",
            'overgang_suspended_senders{instance="b"}': "0x120",
        },
        {"overgang_suspended_senders": "0x120"},
    ),
    "CaseStuck": Story({"overgang_ledger_stuck_cases": "2x120"}, {"overgang_ledger_stuck_cases": "0x120"}),
    "UndeliverableMessage": Story(
        {'overgang_ledger_outbound{state="undeliverable"}': "0x60 1x60"},
        {
            'overgang_ledger_outbound{state="undeliverable"}': "4x120",
            'overgang_ledger_outbound{state="waiting"}': "0+5x120",
        },
    ),
    "QuarantineGrowing": Story(
        {'overgang_ledger_inputs{flow="mentor",outcome="quarantined"}': "0+1x120"},
        {
            'overgang_ledger_inputs{flow="mentor",outcome="quarantined"}': "0x100 5x20",
            'overgang_ledger_inputs{flow="mentor",outcome="accepted"}': "0+100x120",
        },
    ),
    "WebhookFails": Story(
        {'overgang_ledger_webhook_exceptions{state="FAILED"}': "1x120"},
        {
            'overgang_ledger_webhook_exceptions{state="WAITING"}': "5x120",
            "overgang_webhook_endpoints_away": "0x120",
            'overgang_ledger_oldest_seconds{channel="webhook"}': "3000x120",
            'overgang_ledger_oldest_seconds{channel="mailbox"}': "9000x120",
        },
    ),
    "MailboxNotRead": Story(
        {'overgang_mailbox_oldest_unread_seconds{party="/municipality/751"}': "4000x120"},
        {'overgang_mailbox_oldest_unread_seconds{party="/municipality/751"}': "3000x120"},
    ),
    "MailboxFull": Story({"overgang_mailbox_waiting": "360x120"}, {"overgang_mailbox_waiting": "300x120"}),
    "ApiErrors": Story(
        {
            'overgang_http_requests_total{status="500"}': "0+2x120",
            'overgang_http_requests_total{status="202"}': "0+100x120",
        },
        {
            'overgang_http_requests_total{status="503"}': "0+20x120",
            'overgang_http_requests_total{status="404"}': "0+20x120",
            'overgang_http_requests_total{status="202"}': "0+100x120",
        },
    ),
    "TasksUnrouted": Story(
        {'overgang_ledger_tasks{kind="SEND_CONTACT",municipality="none",state="open"}': "1x120"},
        {'overgang_ledger_tasks{kind="SEND_CONTACT",municipality="751",state="open"}': "1x120"},
    ),
    "EuNoticesOverdue": Story(
        {'overgang_ledger_eu_notices{timing="overdue"}': "1x120"},
        {
            'overgang_ledger_eu_notices{timing="overdue"}': "0x120",
            'overgang_ledger_eu_notices{timing="late"}': "3x120",
        },
    ),
    "VersionsDiffer": Story(
        {
            'overgang_build_info{instance="a",version="1",rules="x",code_lists="y"}': "1x120",
            'overgang_build_info{instance="b",version="1",rules="z",code_lists="y"}': "1x120",
        },
        {
            'overgang_build_info{instance="a",version="1",rules="x",code_lists="y"}': "1x120",
            'overgang_build_info{instance="b",version="1",rules="x",code_lists="y"}': "1x120",
        },
    ),
}


@needs_promtool
@pytest.mark.parametrize("check", [("check", "rules", "alerts.yml"), ("check", "config", "prometheus.yml")])
def test_the_examples_are_what_prometheus_takes(check: tuple[str, ...], tmp_path: Path) -> None:
    for file in EXAMPLES.glob("*.yml"):
        shutil.copy(file, tmp_path)
    (tmp_path / "overgang.token").write_text("a token", encoding="utf-8")
    promtool(check, tmp_path)


@needs_promtool
def test_every_alert_fires_on_what_it_is_for_and_is_silent_beside_it(tmp_path: Path) -> None:
    assert sorted(STORIES) == NAMES
    tests = [
        case(f"{name} {what}", name, series, story.at, count)
        for name, story in STORIES.items()
        for what, series, count in (("fires", story.fires, story.alerts), ("is silent", story.silent, 0))
    ]
    file = tmp_path / "stories.yml"
    file.write_text(
        yaml.safe_dump({"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": tests}),
        encoding="utf-8",
    )
    promtool(("test", "rules", str(file)), tmp_path)


def case(title: str, alert: str, series: dict[str, str], at: str, count: int) -> dict[str, object]:
    firing = f'count(ALERTS{{alertname="{alert}",alertstate="firing"}})'
    return {
        "name": title,
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [
            {
                "expr": firing,
                "eval_time": at,
                "exp_samples": [{"labels": "{}", "value": count}] if count else [],
            }
        ],
    }


def promtool(command: Iterable[str], directory: Path) -> None:
    done = subprocess.run(
        ["promtool", *command], cwd=directory, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_alerts_and_runbooks_are_one_to_one() -> None:
    pages = {page.stem for page in (ROOT / "runbooks").glob("*.md")}
    assert {page_of(name) for name in NAMES} == pages - NO_ALERT
    for rule in ALERTS:
        assert rule["annotations"]["runbook"] == f"runbooks/{page_of(rule['alert'])}.md"
        text = (ROOT / rule["annotations"]["runbook"]).read_text(encoding="utf-8")
        assert f"`{rule['alert']}`" in text, f"the page of {rule['alert']} does not name it"
        assert rule["labels"]["severity"] in ("page", "ticket")
    index = (ROOT / "runbooks" / "README.md").read_text(encoding="utf-8")
    assert [page for page in pages - {"README"} if f"({page}.md)" not in index] == []


def page_of(alert: str) -> str:
    """`DecisionsSlow` is told in decisions-slow.md."""
    return re.sub(r"(?<=.)([A-Z])", r"-\1", alert).lower()


def test_alerts_ask_for_numbers_that_are_told() -> None:
    told = {"up"} | {rule["record"] for group in GROUPS for rule in group["rules"] if "record" in rule}
    for measurement in ALL:
        told.add(measurement.name)
        if measurement.kind is Kind.HISTOGRAM:
            told |= {f"{measurement.name}_{part}" for part in ("bucket", "count", "sum")}
    asked = set(
        re.findall(
            r"\bovergang[a-z_:0-9]+\b|\bup\b", "\n".join(r["expr"] for g in GROUPS for r in g["rules"])
        )
    )
    assert {name for name in asked if name.startswith("overgang")} - told == set()


def test_a_page_has_all_its_parts_in_order() -> None:
    parts = ["What it means", "Who is hurt", "Look", "Decide", "Mend", "Afterwards"]
    for page in (ROOT / "runbooks").glob("*.md"):
        if page.stem != "README":
            found = re.findall(r"^\*\*([A-Z][a-z ]+?)\.?\*\*", page.read_text(encoding="utf-8"), re.MULTILINE)
            assert [part for part in found if part in parts] == parts, page.name


def test_the_alertmanager_example_routes_to_receivers_that_exist_and_silences_only_known_alerts() -> None:
    config = yaml.safe_load((EXAMPLES / "alertmanager.yml").read_text(encoding="utf-8"))
    receivers = {receiver["name"] for receiver in config["receivers"]}
    routes = [config["route"], *config["route"]["routes"]]
    assert {route["receiver"] for route in routes} == receivers
    named = {
        name
        for rule in config["inhibit_rules"]
        for matcher in (*rule["source_matchers"], *rule["target_matchers"])
        for name in re.findall(r"[A-Z]\w+", matcher)
    }
    assert named <= set(NAMES)
