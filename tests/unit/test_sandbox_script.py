"""The sandbox's script: what is shipped can be played, what cannot is refused with its place."""

from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest

from connectors.cli.main import run
from connectors.sandbox.endpoint import ScriptedEndpoint
from connectors.sandbox.messages import message_of, replacement_cpr
from connectors.sandbox.rehearsal import rehearse
from connectors.sandbox.script import Script, ScriptRefused, Sending, Step, read_script
from connectors.webhooks.signing import signed_headers
from schemas.cloudevent import from_structured
from schemas.code_lists import shipped
from schemas.identifiers import PartyAddress, parse_cpr
from schemas.problems import InvalidMessage
from schemas.pseudonym import PseudonymKey
from streams.ledger.webhook_secrets import new_secret

KEY = PseudonymKey(bytes(range(32)))
SHIPPED = read_script(None)
SENDINGS = [(party.party, sending) for party in SHIPPED.party for sending in party.sends]
SCHOOL = PartyAddress("/institution/900101")


def refused(tmp_path: Path, text: str) -> str:
    file = tmp_path / "script.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ScriptRefused) as why:
        read_script(file)
    return str(why.value)


@pytest.mark.parametrize(("party", "sending"), SENDINGS)
def test_a_shipped_message_is_valid_exactly_where_the_script_names_no_fault(
    party: PartyAddress, sending: Sending
) -> None:
    now = datetime.now(UTC)
    body = orjson.dumps(message_of(sending, party, 28_000_000, now))
    if sending.fault is None:
        assert from_structured(body, KEY, shipped(), now).envelope.source == party
        return
    with pytest.raises(InvalidMessage) as invalid:
        from_structured(body, KEY, shipped(), now)
    fields = " ".join(f"{problem.field} {problem.problem}" for problem in invalid.value.problems)
    assert sending.fault.split()[0] in fields


def test_the_shipped_script_has_each_behaviour() -> None:
    sends = [sending for _, sending in SENDINGS]
    steps = [step for party in SHIPPED.party for step in party.webhook]
    assert any(sending.times > 1 for sending in sends)
    assert any(sending.fault for sending in sends)
    assert any(step.delay_seconds for step in steps)
    assert {503, 500, 422} <= {step.status for step in steps}
    assert {party.address for party in SHIPPED.party if party.yours} == {
        "/institution/280051",
        "/municipality/751",
    }


def test_a_person_is_made_up_and_another_one_in_each_round() -> None:
    numbers = {replacement_cpr(f"{SCHOOL} {round_} 0") for round_ in range(100)}
    assert len(numbers) > 95
    assert all(parse_cpr(number).replacement for number in numbers)
    assert replacement_cpr("the same") == replacement_cpr("the same")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[[party]]\naddress = '/municipality/7'\nname = 'a'\ndoes = 'b'\n", "party.0.address"),
        ("[[party]]\naddress = '/municipality/751'\nname = 'a'\ndoes = 'b'\nspeed = 1\n", "party.0.speed"),
        ("[[party]\n", "is no TOML"),
        (2 * "[[party]]\naddress = '/municipality/751'\nname = 'a'\ndoes = 'b'\n", "stands twice"),
    ],
)
def test_a_script_that_cannot_be_played_is_refused_with_its_place(
    tmp_path: Path, text: str, told: str
) -> None:
    assert told in refused(tmp_path, text)


PARTY = "[[party]]\naddress = '/institution/900101'\nname = 'a'\ndoes = 'b'\n[[party.sends]]\n"


@pytest.mark.parametrize(
    ("sends", "told"),
    [
        ("flow = 'mentor'", "(mentor): source"),
        ("flow = 'enrolment'\nput = {'data.event' = 'LEFT'}", "data.event"),
        ("flow = 'enrolment'\nput = {'data.event.name' = 'LEFT'}", "event is no object"),
        ("flow = 'enrolment'\nwithout = ['data.nothing']", "is not there"),
        ("flow = 'enrolment'\nfault = 'nothing'", "would take it"),
    ],
)
def test_a_script_that_would_not_do_what_it_says_is_refused_before_anything_starts(
    tmp_path: Path, sends: str, told: str
) -> None:
    file = tmp_path / "script.toml"
    file.write_text(PARTY + sends, encoding="utf-8")
    script = read_script(file)
    with pytest.raises(ScriptRefused) as why:
        rehearse(script)
    assert told in str(why.value)


def test_the_shipped_script_can_be_played() -> None:
    rehearse(SHIPPED)


def test_an_endpoint_goes_through_its_steps_and_stays_at_the_last() -> None:
    secret = new_secret()
    endpoint = ScriptedEndpoint((Step(posts=2, status=503), Step(posts=1, status=500), Step(status=204)))
    endpoint.secret = secret
    headers = signed_headers("id", datetime.now(UTC), b"{}", [secret])
    assert [endpoint.answer(b"{}", headers).status for _ in range(5)] == [503, 503, 500, 204, 204]


def test_an_endpoint_refuses_what_is_not_signed_by_its_secret_and_keeps_its_step() -> None:
    endpoint = ScriptedEndpoint((Step(posts=1, status=503), Step(status=204)))
    headers = signed_headers("id", datetime.now(UTC), b"{}", [new_secret()])
    assert endpoint.answer(b"{}", headers).status == 401
    endpoint.secret = new_secret()
    assert endpoint.answer(b"{}", headers).status == 401
    own = signed_headers("id", datetime.now(UTC), b"{}", [endpoint.secret])
    assert endpoint.answer(b"{}", own).status == 503


def test_a_script_needs_a_party() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Script(party=())


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("OVERGANG_DATABASE_URL", "postgresql://somebody@127.0.0.1/overgang"),
        ("OVERGANG_KAFKA_BOOTSTRAP", "127.0.0.1:9092"),
    ],
)
def test_a_sandbox_never_uses_a_broker_or_database_that_is_not_its_own(
    variable: str,
    value: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("OVERGANG_DATA_DIRECTORY", str(tmp_path))
    monkeypatch.setenv(variable, value)
    assert run(["sandbox"]) == 1
    assert (
        capsys.readouterr().err
        == f"overgang: {variable}: a sandbox starts its own; unset it for this command\n"
    )
    assert list(tmp_path.iterdir()) == []
