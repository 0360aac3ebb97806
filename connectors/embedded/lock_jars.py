"""Writes `kafka-jars.lock` anew: `python -m connectors.embedded.lock_jars` (part of `make lock`)."""

import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from jgo.env import LockFile
from jgo.maven import MavenContext

ROOTS = (
    # 4.4.0's kafka-tools-api is missing from the repository.
    "org.apache.kafka:kafka_2.13:jar:4.3.1:compile",
    # The jars bring no SLF4J binding: without one the broker dies without a word. 1.7: as their slf4j-api.
    "org.slf4j:slf4j-simple:jar:1.7.36:compile",
)


def main() -> None:
    """Resolve `ROOTS` and all they need at run time, and note each jar's SHA-256."""
    with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor(8) as threads:
        context = MavenContext(repo_cache=Path(scratch))
        roots, needed = context.resolver.resolve([context.create_dependency(root) for root in ROOTS])
        jars = [*roots, *(jar for jar in needed if jar.scope in ("compile", "runtime"))]
        list(threads.map(lambda jar: jar.artifact.resolve(), jars))
        lock = LockFile.from_resolved_dependencies(jars, environment_name="embedded-kafka")
    lock.save(Path(__file__).with_name("kafka-jars.lock"))


if __name__ == "__main__":
    main()
