"""Sign-in at a provider of OIDC, where Streamlit's secrets name one: the served dashboard, its WebSocket, a
provider of the tests' own.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests
from joserfc import jwt
from joserfc.jwk import RSAKey
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect

from flight_assets.bench.web import free_port, wait_until_healthy
from flight_assets_tests.dashboard.conftest import APP_DIR
from flight_assets_tests.webhook import serving

pytestmark = pytest.mark.integration
TIMEOUT_S = 60
CLIENT, CLIENT_SECRET = "flights", secrets.token_hex(16)
KEY = RSAKey.generate_key(2048, {"kid": "tests"})


class Provider(HTTPServer):
    """Signs everybody in as ada, without asking."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.nonces: dict[str, str] = {}
        self.key = KEY

    def id_token(self, nonce: str) -> str:
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": CLIENT,
            "sub": "ada",
            "name": "Ada",
            "iat": now,
            "exp": now + 300,
            "nonce": nonce,
        }
        return jwt.encode({"alg": "RS256", "kid": "tests"}, claims, self.key)


class Answer(BaseHTTPRequestHandler):
    """The provider's four addresses."""

    server: Provider

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        asked = {key: values[0] for key, values in parse_qs(address.query).items()}
        if address.path == "/authorize":
            code = secrets.token_hex(8)
            self.server.nonces[code] = asked["nonce"]
            self.send_response(302)
            self.send_header(
                "Location", f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"
            )
            self.end_headers()
        elif address.path == "/keys":
            self._say({"keys": [KEY.as_dict(private=False)]})
        else:
            url = self.server.url
            places = {
                f"{name}_endpoint": f"{url}/{path}"
                for name, path in (("authorization", "authorize"), ("token", "token"))
            }
            self._say(
                {
                    "issuer": url,
                    "jwks_uri": f"{url}/keys",
                    "id_token_signing_alg_values_supported": ["RS256"],
                    **places,
                }
            )

    def do_POST(self) -> None:
        asked = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        token = self.server.id_token(self.server.nonces[asked["code"][0]])
        self._say({"access_token": "unused", "token_type": "Bearer", "expires_in": 300, "id_token": token})

    def _say(self, answer: dict[str, object]) -> None:
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@dataclass
class Browser:
    """A viewer of the dashboard: cookies, and the messages of one visit."""

    url: str
    cookies: requests.Session = field(default_factory=requests.Session)

    def visit(self, clicks: bool = False) -> list[ForwardMsg]:
        """Messages of the server for the page, and then for a click on its button."""
        self.cookies.get(f"{self.url}/_stcore/health", timeout=TIMEOUT_S)
        jar = self.cookies.cookies.get_dict()
        protocols = ["streamlit", jar["_streamlit_xsrf"]]
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in jar.items())}
        with connect(
            f"ws{self.url.removeprefix('http')}/_stcore/stream", origin=self.url, subprotocols=protocols,
            additional_headers=headers,
            open_timeout=TIMEOUT_S,
        ) as socket:  # fmt: skip
            found = run(socket)
            return run(socket, button(found)) if clicks else found


def run(socket: ClientConnection, clicked: str = "") -> list[ForwardMsg]:
    """One run of the page, a button of it clicked if one is named by its id."""
    ask, found = BackMsg(), []
    ask.rerun_script.query_string = ""
    if clicked:
        ask.rerun_script.widget_states.widgets.add(id=clicked, trigger_value=True)
    socket.send(ask.SerializeToString())
    while not found or found[-1].WhichOneof("type") != "script_finished":
        found.append(ForwardMsg.FromString(socket.recv(timeout=TIMEOUT_S)))
    return found


def button(messages: list[ForwardMsg]) -> str:
    """The id of the button to sign in; empty if there is none."""
    buttons = [
        message.delta.new_element.button
        for message in messages
        if message.delta.new_element.HasField("button")
    ]
    return next((found.id for found in buttons if found.label == "Sign in"), "")


def pages(messages: list[ForwardMsg]) -> list[str]:
    return [
        page.page_name
        for message in messages
        if message.HasField("navigation")
        for page in message.navigation.app_pages
    ]


def serve(folder: Path, port: int) -> subprocess.Popen[bytes]:
    """The dashboard from a folder whose `.streamlit/secrets.toml` it reads, with no store to be found."""
    command = [
        sys.executable,
        "-m",
        "streamlit",
        "run",
        APP_DIR / "app.py",
        "--server.port",
        str(port),
        "--server.address",
        "127.0.0.1",
    ]
    environment = os.environ | {
        "PYTHONPATH": str(APP_DIR.parent),
        "FLIGHTS_HOME": str(folder / "home"),
        "FLIGHTS_TIMEOUT_S": "1",
    }
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT)


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with serving(Provider()) as server:
        yield server


@contextmanager
def served(folder: Path, secrets_file: str) -> Iterator[str]:
    """The address of a dashboard with these secrets."""
    port = free_port()
    if secrets_file:
        (folder / ".streamlit").mkdir()
        (folder / ".streamlit/secrets.toml").write_text(secrets_file.replace("{port}", str(port)))
    process = serve(folder, port)
    try:
        wait_until_healthy(f"http://127.0.0.1:{port}/_stcore/health")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=TIMEOUT_S)


@pytest.fixture(scope="module")
def url_with_provider(tmp_path_factory, provider) -> Iterator[str]:
    lines = {
        "redirect_uri": "http://127.0.0.1:{port}/oauth2callback",
        "cookie_secret": secrets.token_hex(32),
        "client_id": CLIENT,
        "client_secret": CLIENT_SECRET,
        "server_metadata_url": f"{provider.url}/.well-known/openid-configuration",
    }
    section = "".join(["[auth]\n", *(f'{name} = "{value}"\n' for name, value in lines.items())])
    with served(tmp_path_factory.mktemp("sign_in"), section) as url:
        yield url


@pytest.fixture
def browser(url_with_provider) -> Iterator[Browser]:
    """A viewer who has not signed in."""
    with requests.Session() as cookies:
        yield Browser(url_with_provider, cookies)


def sign_in(browser: Browser) -> requests.Response:
    """Click, and follow where the browser is sent."""
    sent_to = next(
        message.auth_redirect.url
        for message in browser.visit(clicks=True)
        if message.HasField("auth_redirect")
    )
    return browser.cookies.get(browser.url + sent_to, timeout=TIMEOUT_S)


def test_pages_are_shown_after_the_sign_in_only(browser):
    before = browser.visit()
    assert button(before)
    assert pages(before) == []
    assert sign_in(browser).ok
    after = browser.visit()
    assert button(after) == ""
    assert len(pages(after)) == 6


def test_who_signed_in_elsewhere_is_not_signed_in(browser, provider, monkeypatch):
    monkeypatch.setattr(provider, "key", RSAKey.generate_key(2048, {"kid": "tests"}))
    sign_in(browser)
    assert pages(browser.visit()) == []


@pytest.mark.parametrize(("secrets_file", "shown"), [("[auth\n", 0), ("", 6)])
def test_secrets_that_cannot_be_read_let_nobody_in_and_none_everybody(tmp_path, secrets_file, shown):
    with served(tmp_path, secrets_file) as url, requests.Session() as cookies:
        found = Browser(url, cookies).visit()
    assert button(found) == ""
    assert len(pages(found)) == shown
