"""The jars of Apache Kafka: what the lock file names, downloaded once into the user's cache directory."""

import hashlib
import json
import os
import tempfile
import tomllib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

import platformdirs

from connectors.embedded.failures import ArtefactUnavailable
from connectors.settings import Settings

Progress = Callable[[int, int, str], None]
"""Called with (artefacts there, artefacts in all, coordinate of the one that has just come)."""

PARALLEL_DOWNLOADS = 8
TIMEOUT_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Artefact:
    """One jar of the lock file."""

    group: str
    name: str
    version: str
    sha256: str

    @property
    def coordinate(self) -> str:
        return f"{self.group}:{self.name}:{self.version}"

    @property
    def file_name(self) -> str:
        return f"{self.name}-{self.version}.jar"


@cache
def locked() -> tuple[Artefact, ...]:
    """The artefacts of `kafka-jars.lock`, in the order of the class path; `make lock` writes that file."""
    lock = tomllib.loads(files("connectors.embedded").joinpath("kafka-jars.lock").read_text())
    return tuple(
        Artefact(entry["groupId"], entry["artifactId"], entry["version"], entry["sha256"])
        for entry in lock["dependencies"]
    )


def configured_jars(*, progress: Progress | None = None) -> list[Path]:
    """`kafka_jars` from and into what the settings name."""
    settings = Settings()
    return kafka_jars(settings.cache_directory, progress=progress, repository=settings.maven_repository)


def kafka_jars(
    cache_directory: Path | None = None,
    *,
    progress: Progress | None = None,
    repository: str | None = None,
) -> list[Path]:
    """Paths of all jars, downloading those that are not there (44 MB in all).

    Each jar gets its name only after its SHA-256 was checked, so an interrupted download goes on where it was
    and two that run at once do not harm each other. When all are there, a marker notes their sizes; with it a
    start only looks at sizes. `cache_directory`: None is the user's. `repository`: URL of a Maven repository;
    None: jgo's default.
    Raises ArtefactUnavailable.
    """
    artefacts = locked()
    digest = hashlib.sha256("\n".join(f"{a.coordinate} {a.sha256}" for a in artefacts).encode()).hexdigest()
    directory = (cache_directory or platformdirs.user_cache_path("overgang")) / "kafka-jars" / digest[:16]
    jars = [directory / artefact.file_name for artefact in artefacts]
    marker = directory / "verified.json"
    if not _as_marked(marker, jars):
        try:
            _download_missing(directory, artefacts, progress, repository)
            _replace(marker, json.dumps({jar.name: jar.stat().st_size for jar in jars}).encode())
        except OSError as error:
            raise ArtefactUnavailable(
                f"the jars of Apache Kafka cannot be stored in {directory}: {error.strerror or error}; "
                "name another directory in OVERGANG_CACHE_DIRECTORY"
            ) from error
    return jars


def _as_marked(marker: Path, jars: list[Path]) -> bool:
    try:
        sizes = json.loads(marker.read_bytes())
        return all(sizes.get(jar.name) == jar.stat().st_size for jar in jars)
    except (OSError, ValueError):
        return False


def _download_missing(
    directory: Path, artefacts: tuple[Artefact, ...], progress: Progress | None, repository: str | None
) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    missing = [a for a in artefacts if _sha256(directory / a.file_name) != a.sha256]
    there = len(artefacts) - len(missing)
    with (
        tempfile.TemporaryDirectory(prefix=".download-", dir=directory) as scratch,
        ThreadPoolExecutor(PARALLEL_DOWNLOADS, "download") as threads,
    ):
        downloads = {
            threads.submit(_download, artefact, Path(scratch), directory, repository): artefact
            for artefact in missing
        }
        try:
            for download in as_completed(downloads):
                download.result()
                there += 1
                if progress is not None:
                    progress(there, len(artefacts), downloads[download].coordinate)
        finally:
            threads.shutdown(wait=False, cancel_futures=True)


def _download(artefact: Artefact, scratch: Path, directory: Path, repository: str | None) -> None:
    # Imported here: a start that finds its jars needs neither jgo nor an HTTP client.
    from jgo.maven import MavenContext
    from requests import RequestException

    context = MavenContext(
        repo_cache=scratch,
        remote_repos=None if repository is None else {"configured": repository.rstrip("/")},
        timeout=TIMEOUT_SECONDS,
    )
    component = context.project(artefact.group, artefact.name).at_version(artefact.version)
    try:
        path: Path = component.artifact().resolve()
    except (RequestException, RuntimeError) as error:
        raise ArtefactUnavailable(
            f"{artefact.coordinate}, part of the embedded Apache Kafka, cannot be downloaded "
            f"({type(error).__name__}); connect to the internet once, name a Maven repository within reach "
            "in OVERGANG_MAVEN_REPOSITORY, or a broker of your own in OVERGANG_KAFKA_BOOTSTRAP"
        ) from error
    found = _sha256(path)
    if found != artefact.sha256:
        raise ArtefactUnavailable(
            f"{artefact.coordinate}, part of the embedded Apache Kafka, was downloaded with SHA-256 {found}, "
            f"the lock file says {artefact.sha256}; the repository or something on the way to it is not to "
            "be trusted: name another in OVERGANG_MAVEN_REPOSITORY, or a broker in OVERGANG_KAFKA_BOOTSTRAP"
        )
    path.replace(directory / artefact.file_name)


def _sha256(path: Path) -> str | None:
    if not path.is_file():
        return None
    with path.open("rb") as jar:
        return hashlib.file_digest(jar, "sha256").hexdigest()


def _replace(path: Path, content: bytes) -> None:
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".marker-", delete=False) as file:
        file.write(content)
    os.replace(file.name, path)
