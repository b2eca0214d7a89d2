"""The local authority, judged by a TLS handshake and by clients that read the environment."""

from __future__ import annotations

import http.server
import os
import shutil
import socket
import ssl
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from server_double import TOKEN
from typer.testing import Result

from mainspring.services.certificates import (
    Certificates,
    bundle_with_system_cas,
    ensure_certificates,
    local_names,
)

NAMES = ["localhost", "127.0.0.1", "::1", "box.example"]
Cli = Callable[..., Result]


def handshake(made: Certificates, name: str, *, strict: bool = True) -> bytes:
    """The server's certificate, as a client that trusts the authority and expects `name` gets it."""
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context(cafile=made.ca_file)
    server.load_cert_chain(made.cert_file, made.key_file)
    client.verify_flags |= ssl.VERIFY_X509_STRICT if strict else 0
    listener = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        try:
            with server.wrap_socket(listener.accept()[0], server_side=True) as connection:
                connection.recv(1)
        except (ssl.SSLError, ConnectionError):
            pass  # the client did not like it, which is what some tests want

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        with (
            socket.create_connection(listener.getsockname()) as raw,
            client.wrap_socket(raw, server_hostname=name) as secured,
        ):
            found = secured.getpeercert(binary_form=True)
            assert found
            return found
    finally:
        thread.join(10)
        listener.close()


@pytest.mark.parametrize("name", NAMES)
def test_each_name_is_believed(tmp_path: Path, name: str) -> None:
    handshake(ensure_certificates(tmp_path, NAMES), name)


def test_another_name_or_authority_is_not(tmp_path: Path) -> None:
    made = ensure_certificates(tmp_path / "a", NAMES)
    other = ensure_certificates(tmp_path / "b", NAMES)
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(made, "elsewhere.example")
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(Certificates(other.ca_file, made.cert_file, made.key_file), "localhost")


def test_keys_are_private_and_lives_are_bounded(tmp_path: Path) -> None:
    from cryptography import x509

    made = ensure_certificates(tmp_path, NAMES)
    for file in (made.key_file, tmp_path / "ca-key.pem"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "PRIVATE" not in made.ca_file.read_text()
    leaf = x509.load_der_x509_certificate(handshake(made, "localhost"))
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc < timedelta(days=398)


def test_a_second_start_changes_nothing_and_needs_no_cryptography(tmp_path: Path) -> None:
    made = ensure_certificates(tmp_path, NAMES)
    before = {p: p.read_bytes() for p in tmp_path.glob("*.pem")}
    code = (
        "import sys; from pathlib import Path; from mainspring.services.certificates import ensure_certificates;"
        f"ensure_certificates(Path({str(tmp_path)!r}), {NAMES[:2]!r}); print('cryptography' in sys.modules)"
    )
    source = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    done = subprocess.run(
        [sys.executable, "-c", code], env=source, capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
    assert {p: p.read_bytes() for p in tmp_path.glob("*.pem")} == before
    handshake(made, "localhost")


def test_it_is_signed_again_by_the_same_authority_when_it_ends_soon_or_a_name_is_new(tmp_path: Path) -> None:
    made = ensure_certificates(tmp_path, NAMES)
    authority, first = made.ca_file.read_bytes(), handshake(made, "localhost")
    ensure_certificates(tmp_path, NAMES, now=datetime.now(UTC) + timedelta(days=360))
    assert handshake(made, "localhost") == first
    ensure_certificates(tmp_path, [*NAMES, "new.example"])
    second = handshake(made, "new.example")
    ensure_certificates(tmp_path, NAMES, now=datetime.now(UTC) + timedelta(days=370))
    assert made.ca_file.read_bytes() == authority
    assert second not in (first, made.cert_file.read_bytes())
    assert "new.example" not in made.cert_file.read_text()


@pytest.mark.parametrize("lost", ["ca.pem", "ca-key.pem", "server.pem"])
@pytest.mark.parametrize("how", ["gone", "cut"])
def test_whatever_file_is_lost_a_start_ends_with_files_that_match(
    tmp_path: Path, lost: str, how: str
) -> None:
    made = ensure_certificates(tmp_path, NAMES)
    file = tmp_path / lost
    content = file.read_bytes()
    file.unlink() if how == "gone" else file.write_bytes(content[: len(content) // 2])
    handshake(ensure_certificates(tmp_path, NAMES), "localhost")
    assert made.ca_file.read_text() in (tmp_path / "ca-key.pem").read_text()


def test_the_machine_is_named() -> None:
    names = local_names("192.0.2.7", "not a\u0000name" + "x" * 80)
    assert names[:3] == ["localhost", "127.0.0.1", "::1"]
    assert socket.gethostname().lower() in names
    assert "192.0.2.7" in names
    assert len(names) == len(set(names))
    assert not any(len(name) > 70 for name in names)


def test_the_bundle_keeps_the_system_s_authorities_and_drops_what_is_outdated(tmp_path: Path) -> None:
    made = ensure_certificates(tmp_path / "a", NAMES)
    out, theirs = tmp_path / "ca-bundle.pem", ensure_certificates(tmp_path / "b", NAMES).ca_file
    bundle_with_system_cas(made.ca_file, out, {"SSL_CERT_FILE": str(theirs)})
    assert out.read_text() == made.ca_file.read_text() + theirs.read_text()
    bundle_with_system_cas(made.ca_file, out, {"SSL_CERT_FILE": str(out)})
    assert theirs.read_text() not in out.read_text()
    context = ssl.create_default_context(cafile=out)
    assert context.cert_store_stats()["x509_ca"] > 10


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[tuple[Certificates, str]]:
    """A real HTTPS server that answers every path with an account."""

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = b'{"type": "user", "username": "ada", "name": "ada"}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    made = ensure_certificates(tmp_path / "served", NAMES)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.cert_file, made.key_file)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield made, f"https://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join(10)
    server.server_close()


def test_a_login_with_the_authority_works_and_without_it_says_what_to_do(
    secure: tuple[Certificates, str], cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, url = secure
    refused = cli("login", url, "--token-stdin", stdin=TOKEN)
    assert refused.exit_code == 1
    assert "not trusted" in refused.stderr
    assert "--ca ca.pem" in refused.stderr
    assert cli("login", url, "--token-stdin", "--ca", str(made.ca_file), stdin=TOKEN).exit_code == 0
    made.ca_file.unlink()
    assert cli("whoami").stdout == f"ada at {url}\n"
    lines = cli("env").stdout
    assert f"export MAINSPRING_URL={url}" in lines
    assert "NODE_EXTRA_CA_CERTS" in lines


CLIENTS = {
    "httpx": [sys.executable, "-c", "import sys, httpx; httpx.get(sys.argv[1]).raise_for_status()"],
    "requests": [sys.executable, "-c", "import sys, requests; requests.get(sys.argv[1]).raise_for_status()"],
    "urllib": [
        sys.executable,
        "-c",
        "import sys, urllib.request; urllib.request.urlopen(sys.argv[1]).read()",
    ],
    "curl": ["curl", "--fail", "--silent", "--show-error"],
    "node": ["node", "-e", "fetch(process.argv[1]).then(r => process.exit(r.ok ? 0 : 1), e => { throw e })"],
}


@pytest.mark.parametrize("client", CLIENTS)
def test_clients_believe_the_server_with_the_printed_lines_only(
    secure: tuple[Certificates, str], cli: Cli, client: str
) -> None:
    made, url = secure
    command = CLIENTS[client]
    if not shutil.which(command[0]):
        pytest.skip(f"{command[0]} is not on this machine")
    if client == "requests":
        pytest.importorskip("requests")
    printed = cli("env", "--plain", "--data", str(made.ca_file.parent)).stdout
    given = dict(line.split("=", 1) for line in printed.splitlines())
    clean = {k: v for k, v in os.environ.items() if k not in given and not k.lower().endswith("_proxy")}
    assert subprocess.run([*command, url], env=clean, capture_output=True).returncode != 0
    told = subprocess.run([*command, url], env={**clean, **given}, capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
