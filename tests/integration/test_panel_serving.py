"""Where the panel listens: over TLS, behind a proxy, with too many at the door, and where it can't."""

import asyncio
import ipaddress
import socket
import ssl
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.cookies import SimpleCookie
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from yarl import URL

from medusa.config import Address, Config
from medusa.demo.stage import Stage
from medusa.door import OWNER
from medusa.web.serving import MOST_CONNECTIONS, serving
from tests.integration.panel_kit import browsing, enter


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that it signs itself, and its key."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "panel")])
    now, address = datetime.now(UTC), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, hashes.SHA256())
    )
    files = folder / "cert.pem", folder / "key.pem"
    files[0].write_bytes(made.public_bytes(Encoding.PEM))
    files[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return files


async def test_over_tls_the_cookie_goes_nowhere_else(stage: Stage, config: Config, tmp_path: Path) -> None:
    desk, files = stage.app.desk, certificate(tmp_path)
    secure = replace(config, panel=Address("127.0.0.1", 0), panel_tls=files)
    async with serving(desk, stage.app.store, secure):
        trust = ssl.create_default_context(cafile=str(files[0]))
        async with browsing(desk.door.address, trust) as browser:
            await enter(browser, desk.door)
            assert browser.address.startswith("https://127.0.0.1:")
            [cookie] = [one for one in browser.web.cookie_jar if one["path"]]
            assert (cookie.key, cookie["secure"], cookie["domain"]) == ("__Host-medusa", True, "127.0.0.1")
            await browser.post("/", {"do": "pause all"}, Origin=browser.address.replace("https", "http"))
            assert browser.status == 403


async def test_whoever_says_nothing_counts_over_tls_too(stage: Stage, config: Config, tmp_path: Path) -> None:
    """Also before the handshake, which such connections never begin."""
    desk, more = stage.app.desk, 20
    secure = replace(config, panel=Address("127.0.0.1", 0), panel_tls=(files := certificate(tmp_path)))
    async with serving(desk, stage.app.store, secure), asyncio.timeout(10):
        where = URL(desk.door.address)
        silent = [await asyncio.open_connection(where.host, where.port) for _ in range(MOST_CONNECTIONS + more)]
        ends = [asyncio.create_task(reader.read()) for reader, _ in silent]
        while sum(one.done() for one in ends) < more:
            await asyncio.sleep(0.05)
        assert sum(one.done() for one in ends) == more
        for _, writer in silent:
            writer.close()
        await asyncio.gather(*ends, return_exceptions=True)
        async with browsing(desk.door.address, ssl.create_default_context(cafile=str(files[0]))) as browser:
            await enter(browser, desk.door)
            assert browser.status == 200


async def test_only_a_trusted_proxy_is_believed(stage: Stage, config: Config) -> None:
    desk, said = stage.app.desk, {"X-Forwarded-For": "6.6.6.6, 192.0.2.7", "X-Forwarded-Proto": "https"}
    await desk.door.set_password("correct horse battery")
    url = "https://medusa.example.org"
    for proxies, name, blamed in ((("127.0.0.0/8",), "__Host-medusa", "192.0.2.7"), ((), "medusa-", "127.0.0.1")):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = int(free.getsockname()[1])
        behind = replace(config, panel=Address("127.0.0.1", port), panel_url=url, panel_proxy=proxies)
        async with serving(desk, stage.app.store, behind), browsing(f"http://127.0.0.1:{port}") as browser:
            assert desk.door.link(OWNER).startswith(f"{url}/enter/")
            await browser.get("/login", Host="medusa.example.org", **said)
            [key] = SimpleCookie(browser.headers["Set-Cookie"])
            assert key.startswith(name)
            cookie = browser.headers["Set-Cookie"].partition(";")[0]
            named = {"Host": "medusa.example.org", "Origin": url, "Cookie": cookie, **said}
            assert "not the password" in await browser.post("/login", {"password": "wrong"}, **named)
            assert browser.status == 403
            assert list(desk.door._guesses._failures) == [blamed]
            desk.door._guesses.forget(blamed)


async def test_a_panel_that_cannot_open_says_why_and_medusa_goes_on(
    stage: Stage, config: Config, tmp_path: Path
) -> None:
    door = stage.app.desk.door
    taken = Address("127.0.0.1", int(door.address.rpartition(":")[2]))
    bad = tmp_path / "bad.pem"
    bad.write_text("nothing")
    for wrong, why in (
        (replace(config, panel=taken), "does not listen at 127.0.0.1"),
        (replace(config, panel=Address("::", 0)), "open to the network without TLS"),
        (replace(config, panel=Address("192.0.2.1", 0), panel_proxy=("127.0.0.1/32",)), "does not listen at 192.0.2.1"),
        (replace(config, panel=Address("127.0.0.1", 0), panel_tls=(bad, bad)), "can't use bad.pem"),
    ):
        async with serving(stage.app.desk, stage.app.store, wrong):
            assert (door.address, why in door.closed) == ("", True), door.closed
