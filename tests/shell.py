"""What somebody types into a shell, run from the project's folder."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]


def typed(command: list[str] | str, environment: Mapping[str, str]) -> tuple[int, str]:
    """Exit status and output, error output included, of a line for bash or of a program."""
    done = subprocess.run(
        ["/bin/bash", "-c", command] if isinstance(command, str) else command,
        cwd=ROOT,
        env=dict(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=90,
        check=False,
    )
    return done.returncode, done.stdout
