"""A page of runbooks/ as somebody at night works through it: commands to look by, commands to mend with."""

import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

from tests.integration.operations_room import Operated
from tests.shell import ROOT

_BLOCK = re.compile(r"^ *```(console|sh|sql)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_MEND = "**Mend.**"
_PROCESSES = ("worker", "api", "deliver")


def blocks(page: str) -> list[tuple[str, str]]:
    """Kind and content of each block of commands, in order."""
    return _BLOCK.findall((ROOT / "runbooks" / f"{page}.md").read_text(encoding="utf-8"))


def commands(kind: str, block: str) -> list[str]:
    """The lines that are typed; a statement for the database is one."""
    if kind == "sql":
        return [block]
    if kind == "console":
        return re.findall(r"^\$ (.*)$", block, re.MULTILINE)
    lines = [line.strip() for line in block.splitlines() if line.strip()]
    # A process goes on until it is told, and a topic that was made anew is another fault; tests have both.
    return [line for line in lines if line.split()[1] not in _PROCESSES and "--from-earliest" not in line]


def looked(gateway: Operated, page: str, ended: Mapping[str, int] | None = None) -> str:
    """What the commands of a page's look show, two at a time; `ended`: exit statuses that are not 0."""
    asked = _parts(page)[0]
    assert asked, f"{page} has nothing to look by"
    with ThreadPoolExecutor(2) as hands:
        answers = list(hands.map(lambda command: _run(gateway, command), asked))
    for command, (status, output) in zip(asked, answers, strict=True):
        wanted = next((n for part, n in (ended or {}).items() if part in command), 0)
        assert status == wanted, f"{command}\n{output}"
    return "".join(output for _, output in answers)


def mends(gateway: Operated, page: str, **names: str) -> Iterator[tuple[str, str]]:
    """Each command of a page's mend with what it said, run when asked for; `names` stand in the page."""
    for command in _parts(page)[1]:
        for name, value in names.items():
            command = command.replace(name, value)
        status, output = _run(gateway, command)
        assert status == 0, f"{command}\n{output}"
        yield command, output


def _parts(page: str) -> tuple[list[str], list[str]]:
    text = (ROOT / "runbooks" / f"{page}.md").read_text(encoding="utf-8")
    look, mend = text.split(_MEND)
    return tuple(  # type: ignore[return-value] # two of them
        [command for kind, block in _BLOCK.findall(part) for command in commands(kind, block)]
        for part in (look, mend)
    )


def _run(gateway: Operated, command: str) -> tuple[int, str]:
    if command.startswith("SELECT "):
        return 0, "".join(f"{' '.join(map(str, row))}\n" for row in gateway.room.rows(command))
    return gateway.shell(command)
