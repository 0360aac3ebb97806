"""Scenarios through the real command: the shared ones, which others wrote, and our own in their format."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

_SHARED = Path(__file__).parents[4] / "shared" / "scenarios"
_FILES = [*sorted(_SHARED.glob("*.json")), *sorted((Path(__file__).parent / "scenarios").glob("*.json"))]

pytestmark = pytest.mark.skipif(not (_SHARED / "run.py").exists(), reason="../shared is absent")


@pytest.mark.parametrize("file", _FILES, ids=lambda file: file.stem)
def test_every_scenario_of_a_file_holds(file: Path, tmp_path: Path) -> None:
    command = shlex.quote(str(Path(sys.executable).with_name("overgang")))
    run = subprocess.run(
        [sys.executable, str(_SHARED / "run.py"), command, str(file)],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin", "OVERGANG_DATA_DIRECTORY": str(tmp_path)},
        cwd=Path(__file__).parents[3],
    )
    assert run.returncode == 0, run.stdout + run.stderr
