"""Scenarios through `overgang decide`: the shared ones, which others wrote, and our own in their format.

The shared files run the installed command; our own hold many scenarios, so the command runs in this process.
"""

import importlib.util
import json
import shlex
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from connectors.cli.main import run

_SHARED = Path(__file__).parents[4] / "shared" / "scenarios"
_OWN = sorted((Path(__file__).parent / "scenarios").glob("*.json"))

pytestmark = pytest.mark.skipif(not (_SHARED / "run.py").exists(), reason="../shared is absent")


@pytest.mark.parametrize("file", sorted(_SHARED.glob("*.json")), ids=lambda file: file.stem)
def test_every_shared_scenario_holds(file: Path, tmp_path: Path) -> None:
    command = shlex.quote(str(Path(sys.executable).with_name("overgang")))
    ran = subprocess.run(
        [sys.executable, str(_SHARED / "run.py"), command, str(file)],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin", "OVERGANG_DATA_DIRECTORY": str(tmp_path)},
        cwd=Path(__file__).parents[3],
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.parametrize("file", _OWN, ids=lambda file: file.stem)
def test_every_scenario_of_our_own_holds(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OVERGANG_DATA_DIRECTORY", str(tmp_path))
    runner = _runner()

    def in_process(arguments: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        status = run(arguments[1:])
        said = capsys.readouterr()
        return subprocess.CompletedProcess(arguments, status, said.out, said.err)

    monkeypatch.setattr(runner, "subprocess", SimpleNamespace(run=in_process))
    scenarios: list[dict[str, Any]] = json.loads(file.read_text())
    failed = [fault for scenario in scenarios if (fault := _fault(runner, scenario))]
    assert scenarios
    assert not failed, "\n".join(failed)


def _runner() -> ModuleType:
    spec = importlib.util.spec_from_file_location("scenario_runner", _SHARED / "run.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _fault(runner: ModuleType, scenario: dict[str, Any]) -> str | None:
    try:
        runner.check("overgang", scenario)
    except AssertionError as fault:
        return f"{scenario['name']}: {fault}"
    return None
