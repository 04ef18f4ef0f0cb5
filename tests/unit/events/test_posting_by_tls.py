import asyncio
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from app.events import address_filter
from app.events.address_filter import Address
from app.events.http_post import Poster
from app.runtime.http_client import Unanswered
from tests.unit.events.receiver import Receiver

NAME = "shop.example"


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A key and a certificate for NAME that signs itself, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "certificate.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(secret + certificate.public_bytes(serialization.Encoding.PEM))
    return file


@pytest.fixture
async def secured(certificate: Path, receiver: Receiver) -> AsyncIterator[int]:
    """The port where the receiver speaks TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0, ssl=context)
    yield server.sockets[0].getsockname()[1]
    server.close()


async def resolve(host: str, port: int) -> list[Address]:
    return [ip_address("127.0.0.1")]


def trusting(certificate: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(certificate))


async def test_tls_is_spoken_with_the_urls_name_though_an_address_is_connected_to(
    secured: int, receiver: Receiver, certificate: Path
) -> None:
    poster = Poster(resolve, guard=address_filter.Guard(address_filter.EVERYWHERE), tls=trusting(certificate))
    for _ in range(2):
        answer = await poster.post(f"https://{NAME}:{secured}/hook", {}, b"{}")

    assert answer.status == 200
    assert receiver.connections == 1
    assert receiver.requests[0].headers["host"] == f"{NAME}:{secured}"
    poster.close()


async def test_the_certificate_of_another_name_is_refused(
    secured: int, receiver: Receiver, certificate: Path
) -> None:
    poster = Poster(resolve, guard=address_filter.Guard(address_filter.EVERYWHERE), tls=trusting(certificate))
    with pytest.raises(Unanswered, match="TLS failed"):
        await poster.post(f"https://other.example:{secured}/hook", {}, b"{}")

    assert receiver.requests == []


async def test_a_certificate_that_nobody_vouches_for_is_refused(secured: int, receiver: Receiver) -> None:
    poster = Poster(resolve, guard=address_filter.Guard(address_filter.EVERYWHERE))
    with pytest.raises(Unanswered, match="TLS failed"):
        await poster.post(f"https://{NAME}:{secured}/hook", {}, b"{}")

    assert receiver.requests == []
