"""The broker's jars: downloaded once, checked, shared, and a clear word when they cannot be had."""

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.server import SimpleHTTPRequestHandler
from pathlib import Path

import pytest

from connectors.embedded.failures import ArtefactUnavailable
from connectors.embedded.jars import configured_jars, kafka_jars, locked
from connectors.embedded.kafka import EmbeddedKafka
from tests.loopback import serving

MENDS = ("OVERGANG_MAVEN_REPOSITORY", "OVERGANG_KAFKA_BOOTSTRAP")


class Repository(SimpleHTTPRequestHandler):
    """A Maven repository from a directory; notes what was asked for."""

    asked: list[str]

    def log_message(self, format: str, *args: object) -> None:
        self.asked.append(self.path)


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[tuple[str, Path, list[str]]]:
    """URL, directory and list of requests of a repository on loopback that serves the locked jars."""
    root = tmp_path / "repository"
    for artefact, jar in zip(locked(), configured_jars(), strict=True):
        directory = root.joinpath(*artefact.group.split("."), artefact.name, artefact.version)
        directory.mkdir(parents=True)
        (directory / jar.name).symlink_to(jar)
    asked: list[str] = []
    handler = type("AskedRepository", (Repository,), {"asked": asked})
    with serving(partial(handler, directory=str(root))) as port:
        yield f"http://127.0.0.1:{port}", root, asked


def test_the_lock_names_kafka_its_45_jars_and_a_logging_binding() -> None:
    coordinates = [artefact.coordinate for artefact in locked()]
    assert len(coordinates) == len(set(coordinates)) == 46
    assert "org.apache.kafka:kafka_2.13:4.3.1" in coordinates
    assert "org.slf4j:slf4j-simple:1.7.36" in coordinates
    assert all(len(artefact.sha256) == 64 for artefact in locked())


def test_a_warm_cache_asks_nothing_and_two_at_once_share_it(
    tmp_path: Path, repository: tuple[str, Path, list[str]]
) -> None:
    url, _, asked = repository
    heard: list[tuple[int, int]] = []
    with ThreadPoolExecutor(2) as threads:
        both = [
            threads.submit(
                kafka_jars, tmp_path, progress=lambda n, all_, _: heard.append((n, all_)), repository=url
            )
            for _ in range(2)
        ]
        first, second = (download.result(120) for download in both)
    assert first == second
    assert [jar.stat().st_size > 0 for jar in first] == [True] * 46
    assert (46, 46) in heard
    asked.clear()
    assert kafka_jars(tmp_path, repository=url) == first
    assert asked == []


def test_a_damaged_jar_alone_is_downloaded_again(
    tmp_path: Path, repository: tuple[str, Path, list[str]]
) -> None:
    url, _, asked = repository
    jars = kafka_jars(tmp_path, repository=url)
    damaged = next(jar for jar in jars if jar.name.startswith("re2j"))
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[:1000])
    asked.clear()
    kafka_jars(tmp_path, repository=url)
    assert damaged.read_bytes() == whole
    assert {path.removesuffix(".sha1") for path in asked} == {"/com/google/re2j/re2j/1.8/re2j-1.8.jar"}


def test_a_jar_that_is_not_the_locked_one_is_refused(
    tmp_path: Path, repository: tuple[str, Path, list[str]]
) -> None:
    url, root, _ = repository
    served = root / "com/google/re2j/re2j/1.8/re2j-1.8.jar"
    served.unlink()
    served.write_bytes(b"something else")
    with pytest.raises(
        ArtefactUnavailable, match=r"com\.google\.re2j:re2j:1\.8.*not to be trusted"
    ) as refused:
        kafka_jars(tmp_path, repository=url)
    assert all(mend in str(refused.value) for mend in MENDS)
    assert not list(tmp_path.rglob("kafka-jars/*/re2j-1.8.jar"))


def test_a_missing_artefact_is_named_with_the_mend(
    tmp_path: Path, repository: tuple[str, Path, list[str]]
) -> None:
    url, root, _ = repository
    (root / "com/google/re2j/re2j/1.8/re2j-1.8.jar").unlink()
    with pytest.raises(ArtefactUnavailable, match=r"com\.google\.re2j:re2j:1\.8") as refused:
        kafka_jars(tmp_path, repository=url)
    assert all(mend in str(refused.value) for mend in MENDS)


def test_without_a_repository_the_broker_says_what_is_missing_and_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    monkeypatch.setenv("OVERGANG_MAVEN_REPOSITORY", f"http://127.0.0.1:{port}/maven2")
    monkeypatch.setenv("OVERGANG_CACHE_DIRECTORY", str(tmp_path / "cache"))
    with pytest.raises(ArtefactUnavailable, match=r"cannot be downloaded \(ConnectionError\)") as refused:
        EmbeddedKafka(tmp_path / "kafka").start()
    assert any(artefact.coordinate in str(refused.value) for artefact in locked())
    assert all(mend in str(refused.value) for mend in MENDS)
    assert "\n" not in str(refused.value)


def test_a_cache_that_cannot_be_written_is_named_with_the_mend(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a directory")
    with pytest.raises(ArtefactUnavailable, match=r"cannot be stored.*OVERGANG_CACHE_DIRECTORY"):
        kafka_jars(tmp_path / "file")
