"""An endpoint that means harm: redirects, endless and slow answers, names that lead elsewhere."""

import asyncio
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from connectors.webhooks import client as webhook_client
from connectors.webhooks.addresses import Addresses, Resolve
from connectors.webhooks.client import READ_BYTES, WebhookClient
from connectors.webhooks.verdict import Answer, Verdict
from tests.integration.webhook_room import ORIGIN, Receiver, receiving
from tests.integration.webhook_room import Answer as Said

NAME = "receiver.example"


def to(*addresses: str) -> Resolve:
    async def resolve(_: str, __: int) -> Sequence[str]:
        return addresses

    return resolve


def posted(
    url: str,
    *,
    loopback: bool = True,
    resolve: Resolve | None = None,
    trust: ssl.SSLContext | None = None,
) -> Answer:
    async def post() -> Answer:
        addresses = Addresses(loopback=loopback, resolve=resolve)
        client = WebhookClient(addresses, ORIGIN, connections=1, now=lambda: datetime.now(UTC), trust=trust)
        try:
            return await client.post(url, {"webhook-id": "1"}, b"{}")
        finally:
            await client.close()
            addresses.close()

    return asyncio.run(post())


@contextmanager
def raw(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that reads a request's first bytes and then does what `answer` says."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listening.accept()
        with connection:
            connection.recv(65536)
            try:
                answer(connection)
            except OSError:
                ended.set()

    ended = threading.Event()
    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/hook"
    finally:
        listening.close()
        thread.join(10)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    with receiving() as inside, receiving() as outside:
        outside.answer = lambda _: Said(status, {"Location": inside.url})
        answer = posted(outside.url)
    assert (answer.status, answer.verdict, inside.posts) == (status, Verdict.AGAIN, [])
    assert "not followed" in answer.text()
    assert inside.url not in answer.text()


def test_of_an_endless_body_only_a_little_is_read() -> None:
    sent = [0]

    def endless(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while sent[0] < 50_000_000:
            connection.sendall(b"1000\r\n" + b"x" * 4096 + b"\r\n")
            sent[0] += 4096

    with raw(endless) as url:
        assert posted(url).verdict is Verdict.DELIVERED
    # What the system's buffers of both sides hold was sent, and nothing of it is kept.
    assert READ_BYTES <= sent[0] < 20_000_000


def test_a_body_that_drips_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook_client, "_BODY_SECONDS", 0.1)
    told = threading.Event()

    def drip(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 422 No\r\nContent-Length: 100\r\n\r\nx")
        told.wait(20)

    with raw(drip) as url:
        answer = posted(url)
        told.set()
    assert (answer.status, answer.verdict) == (422, Verdict.REFUSED)


def test_an_endpoint_that_accepts_and_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(webhook_client._TIMEOUTS, "read", 0.1)
    told = threading.Event()
    with raw(lambda _: bool(told.wait(20)) and None) as url:
        answer = posted(url)
        told.set()
    assert (answer.status, answer.text()) == (None, "no answer: ReadTimeout")


def test_headers_that_drip_are_given_up_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook_client, "WHOLE_SECONDS", 0.3)

    def drip(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        for _ in range(1000):
            connection.sendall(b"x: y\r\n")
            threading.Event().wait(0.02)

    with raw(drip) as url:
        answer = posted(url)
    assert (answer.status, answer.verdict) == (None, Verdict.AGAIN)


@pytest.mark.parametrize("words", [b"HELLO\r\n\r\n", b"HTTP/1.1 999999 no\r\n\r\n", b"\x00" * 300_000, b""])
def test_what_is_no_http_is_no_answer(words: bytes) -> None:
    with raw(lambda connection: connection.sendall(words)) as url:
        answer = posted(url)
    assert (answer.status, answer.verdict) == (None, Verdict.AGAIN)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "10.0.0.1", "169.254.169.254", "::ffff:127.0.0.1"])
def test_a_name_that_leads_inside_is_not_connected_to(address: str) -> None:
    with receiving() as inside:
        port = inside.url.split(":")[2].split("/")[0]
        answer = posted(f"http://{NAME}:{port}/hook", loopback=False, resolve=to(address))
        assert (answer.status, inside.posts, inside.asked) == (None, [], [])
    assert "its name leads to an address" in answer.text()
    assert address not in answer.text()


def test_a_name_is_looked_up_once_a_request_and_the_connection_goes_to_the_checked_address() -> None:
    """A second look-up could answer otherwise: here it would, and be refused."""
    answers = iter([["127.0.0.1"], ["10.0.0.1"], ["10.0.0.1"]])

    async def changing(_: str, __: int) -> Sequence[str]:
        return next(answers)

    with receiving() as receiver:
        port = receiver.url.split(":")[2].split("/")[0]
        answer = posted(f"http://{NAME}:{port}/hook", resolve=changing)
        assert answer.verdict is Verdict.DELIVERED
        [got] = receiver.posts
    assert got.headers["host"] == f"{NAME}:{port}"
    assert next(answers) == ["10.0.0.1"]


def test_a_second_address_is_tried_where_the_first_does_not_answer() -> None:
    with receiving() as receiver:
        port = receiver.url.split(":")[2].split("/")[0]
        answer = posted(f"http://{NAME}:{port}/hook", resolve=to("127.0.0.2", "127.0.0.1"))
    assert answer.verdict is Verdict.DELIVERED
    assert len(receiver.posts) == 1


def test_no_proxy_of_the_environment_sees_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving() as proxy, receiving() as receiver:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url.removesuffix("/hook"))
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        assert posted(receiver.url).verdict is Verdict.DELIVERED
    assert (len(receiver.posts), proxy.posts) == (1, [])


def test_no_cookie_of_an_endpoint_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving(Receiver(answer=lambda _: Said(204, {"Set-Cookie": "a=b"}))) as receiver:

        async def twice() -> None:
            addresses = Addresses(loopback=True)
            client = WebhookClient(addresses, ORIGIN, connections=1, now=lambda: datetime.now(UTC))
            for _ in range(2):
                await client.post(receiver.url, {}, b"{}")
            await client.close()
            addresses.close()

        asyncio.run(twice())
    assert len(receiver.posts) == 2
    assert not any("cookie" in got.headers for got in receiver.posts)


def made_certificate(directory: Path, name: str) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    alternative: x509.GeneralName = x509.DNSName(name)
    if name[0].isdigit():
        alternative = x509.IPAddress(ipaddress.ip_address(name))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([alternative]), critical=False)
        .sign(key, hashes.SHA256())
    )
    files = directory / "certificate.pem", directory / "key.pem"
    files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return files


@contextmanager
def tls_receiver(directory: Path, name: str) -> Iterator[tuple[str, ssl.SSLContext, list[str | None]]]:
    """A TLS server that answers 204; its port, who trusts it, and the names that it was asked for."""
    certificate, key = made_certificate(directory, name)
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(certificate, key)
    asked: list[str | None] = []
    serving.sni_callback = lambda _, asked_for, __: asked.append(asked_for)  # type: ignore[assignment,misc]
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listening.accept()
        try:
            with serving.wrap_socket(connection, server_side=True) as wrapped:
                wrapped.recv(65536)
                wrapped.sendall(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        except OSError:
            connection.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield str(listening.getsockname()[1]), ssl.create_default_context(cafile=certificate), asked
    finally:
        listening.close()
        thread.join(10)


def test_tls_checks_the_certificate_against_the_name_though_the_connection_goes_to_an_address(
    tmp_path: Path,
) -> None:
    with tls_receiver(tmp_path, NAME) as (port, trust, asked):
        answer = posted(f"https://{NAME}:{port}/hook", resolve=to("127.0.0.1"), trust=trust)
    assert (answer.status, asked) == (204, [NAME])


@pytest.mark.parametrize("name", ["other.example", "127.0.0.1"])
def test_a_certificate_of_another_name_is_not_posted_to(tmp_path: Path, name: str) -> None:
    with tls_receiver(tmp_path, name) as (port, trust, _):
        answer = posted(f"https://{NAME}:{port}/hook", resolve=to("127.0.0.1"), trust=trust)
    assert answer.text() == "no answer: ConnectError"


def test_a_certificate_of_an_unknown_authority_is_not_posted_to(tmp_path: Path) -> None:
    with tls_receiver(tmp_path, NAME) as (port, _, __):
        answer = posted(f"https://{NAME}:{port}/hook", resolve=to("127.0.0.1"))
    assert answer.text() == "no answer: ConnectError"
