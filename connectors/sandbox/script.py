"""A sandbox's script: who is in it and what each does, one TOML file, checked when it is read."""

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from schemas.identifiers import Flow, PartyAddress, parse_party
from schemas.problems import OvergangError

_SHIPPED: Final = "script.toml"
_ADDRESS: Final = r"^/(institution/[0-9]{6}|municipality/[0-9]{3})$"


class ScriptRefused(OvergangError):
    """A script that cannot be played; the text names place, fault and mend."""


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Step(_Row):
    """How a webhook answers for a while; the last step of a party lasts."""

    posts: Annotated[int, Field(ge=1)] | None = None
    """So many posts; None: all further ones."""
    status: Annotated[int, Field(ge=200, le=599)] = 204
    delay_seconds: Annotated[float, Field(ge=0, le=60)] = 0
    retry_after: Annotated[int, Field(ge=0, le=3600)] | None = None


class Sending(_Row):
    """A message of a round: the flow's example with the round's person, changed as is said here."""

    flow: Flow
    after_seconds: Annotated[float, Field(ge=0)] = 0
    """From the beginning of the round."""
    times: Annotated[int, Field(ge=1, le=20)] = 1
    """How often it is sent, the same each time."""
    person: Annotated[int, Field(ge=0)] = 0
    """Which of the round's people it is about: the same number, the same person."""
    put: dict[str, Any] = {}
    """Values by their path, `data.enrolment_id`; `{round}`, `{today}` and `{cpr}` in a text are filled in."""
    without: tuple[str, ...] = ()
    """Paths that are left out."""
    fault: str | None = None
    """What is wrong with it: the gateway must refuse it."""


class ScriptedParty(_Row):
    """A party. `yours`: nothing is scripted, a token is made for whoever tries a system."""

    address: Annotated[str, Field(pattern=_ADDRESS)]
    name: Annotated[str, Field(min_length=1)]
    does: Annotated[str, Field(min_length=1)]
    yours: bool = False
    every_seconds: Annotated[float, Field(gt=0)] = 60
    webhook: tuple[Step, ...] = ()
    sends: tuple[Sending, ...] = ()

    @property
    def party(self) -> PartyAddress:
        """Its address."""
        return PartyAddress(self.address)

    @property
    def system(self) -> str:
        """The system that acts for it: `sandbox-municipality-461`, or `your-municipality-751`."""
        role, code = parse_party(self.address)
        return f"{'your' if self.yours else 'sandbox'}-{role}-{code}"


class Script(_Row):
    """All parties."""

    party: Annotated[tuple[ScriptedParty, ...], Field(min_length=1)]


def read_script(file: Path | None) -> Script:
    """The script in a file, else the shipped one. Raises ScriptRefused."""
    name = str(file or _SHIPPED)
    try:
        text = (file or files("connectors.sandbox") / _SHIPPED).read_text(encoding="utf-8")
        script = Script.model_validate(tomllib.loads(text))
    except (OSError, UnicodeDecodeError):
        raise ScriptRefused(f"{name}: cannot be read as text; name a TOML file") from None
    except tomllib.TOMLDecodeError as fault:
        raise ScriptRefused(f"{name}: is no TOML: {fault}") from None
    except ValidationError as invalid:
        first = invalid.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise ScriptRefused(f"{name}: {place}: {first['msg']}; see connectors/sandbox/script.toml") from None
    addresses = [party.address for party in script.party]
    if twice := {address for address in addresses if addresses.count(address) > 1}:
        raise ScriptRefused(f"{name}: {min(twice)} stands twice; keep one")
    return script
