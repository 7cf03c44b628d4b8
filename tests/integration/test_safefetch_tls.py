"""Fetching over https: the certificate must be the host's, whichever address was connected to."""

from __future__ import annotations

import asyncio
import datetime
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from web_fixtures import LittleWeb, known, page

from core.errors import ToolFailure
from tools.addresses import Opened
from tools.connecting import Ways
from tools.safefetch import Limits, SafeFetch


def _certificate(name: str, folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Make a server's TLS for a host name, and a client's that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    made = x509.CertificateBuilder(subject, subject, key.public_key(), 7, now, now + datetime.timedelta(days=1))
    made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    cert = made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    plain = serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    (folder / "both.pem").write_bytes(cert + pem)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "both.pem")
    return server, ssl.create_default_context(cadata=cert.decode())


async def test_https_is_checked_against_the_name_although_the_address_is_connected_to(tmp_path: Path) -> None:
    server_tls, client_tls = _certificate("safe.example", tmp_path)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(page("secret hello", "text/plain"))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=server_tls)
    web = LittleWeb(port=server.sockets[0].getsockname()[1])
    ways = Ways(known("127.0.0.1"), Opened.of(f"safe.example:{web.port},fake.example:{web.port}"))
    fetch = SafeFetch(ways, Limits(seconds=10), tls=lambda: client_tls)
    got = await fetch.fetch(web.address(host="safe.example").replace("http:", "https:"))
    assert got.content == b"secret hello"
    with pytest.raises(ToolFailure, match="could not prove who it is"):
        await fetch.fetch(web.address(host="fake.example").replace("http:", "https:"))
    server.close()
