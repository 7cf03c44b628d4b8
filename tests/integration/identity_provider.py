"""A small real identity provider on loopback: discovery, keys, code flow with PKCE, ID tokens with real signatures.

It says what it is told to say, also what is wrong: `claims` are added to the ID token, `without` are left out of it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

CLIENT, SECRET = "staffwork", "a secret & of=the: client"


class IdentityProvider:
    """Keeps its keys, the codes it gave out, and what the next person is."""

    def __init__(self) -> None:
        self.issuer = ""
        self.who: dict[str, Any] = {"sub": "s-1", "email": "ada@example.org", "email_verified": True, "name": "Ada Idp"}
        self.claims: dict[str, Any] = {}
        self.without: set[str] = set()
        self.description: dict[str, Any] = {}
        self.userinfo: dict[str, Any] | None = None
        self.codes: dict[str, dict[str, str]] = {}
        self.asked: list[str] = []
        self.forge: str = ""  # none, hmac, other key
        self.algorithm = "RS256"
        self.published: dict[str, Any] = {}
        self.rotate()

    def rotate(self) -> None:
        """Take a new key; the old one is not published any more."""
        self.kid = secrets.token_hex(4)
        self.key: Any = (
            rsa.generate_private_key(65537, 2048)
            if self.algorithm.startswith("RS")
            else ec.generate_private_key(ec.SECP256R1())
        )
        kind: Any = jwt.algorithms.RSAAlgorithm if self.algorithm.startswith("RS") else jwt.algorithms.ECAlgorithm
        public = json.loads(kind.to_jwk(self.key.public_key()))
        self.published = {"keys": [public | {"kid": self.kid, "use": "sig", "alg": self.algorithm}]}

    def token(self, nonce: str) -> str:
        at = int(time.time())
        said = {"iss": self.issuer, "aud": CLIENT, "iat": at, "exp": at + 300, "nonce": nonce} | self.who | self.claims
        said = {name: value for name, value in said.items() if name not in self.without}
        headers = {"kid": self.kid}
        if self.forge == "none":
            return jwt.encode(said, "", "none", headers)
        if self.forge == "hmac":  # signed with what everybody can read
            head = _part({"alg": "HS256", "kid": self.kid, "typ": "JWT"}) + "." + _part(said)
            form = serialization.PublicFormat.SubjectPublicKeyInfo
            key = self.key.public_key().public_bytes(serialization.Encoding.PEM, form)
            mark = hmac.digest(key, head.encode(), "sha256")
            return head + "." + base64.urlsafe_b64encode(mark).decode().rstrip("=")
        key = rsa.generate_private_key(65537, 2048) if self.forge == "other key" else self.key
        return jwt.encode(said, key, self.algorithm, headers)

    def exchange(self, form: dict[str, str], basic: str) -> dict[str, Any] | None:
        """Give tokens for a code, once, to whoever knows the secret and the verifier."""
        given = self.codes.pop(form.get("code", ""), None)
        expected = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        if given is None or basic != f"Basic {expected}" or form.get("redirect_uri") != given["redirect_uri"]:
            return None
        challenge = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if base64.urlsafe_b64encode(challenge).decode().rstrip("=") != given["code_challenge"]:
            return None
        return {"access_token": "access", "token_type": "Bearer", "id_token": self.token(given["nonce"])}

    def authorize(self, query: dict[str, str]) -> str:
        """Log the person in without a question, and return where their browser goes next."""
        if query.get("code_challenge_method") != "S256" or not query.get("code_challenge"):
            return f"{query['redirect_uri']}?error=invalid_request&state={query['state']}"
        code = secrets.token_urlsafe(16)
        self.codes[code] = query
        return f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state'], 'iss': self.issuer})}"

    def answer(self, path: str) -> dict[str, Any] | None:
        known = {
            "/.well-known/openid-configuration": {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "userinfo_endpoint": f"{self.issuer}/userinfo",
                "jwks_uri": f"{self.issuer}/jwks",
                "code_challenge_methods_supported": ["S256"],
            }
            | self.description,
            "/jwks": self.published,
            "/userinfo": self.userinfo,
        }
        return known.get(path)


@contextmanager
def identity_provider() -> Iterator[IdentityProvider]:
    """Serve on a free port of loopback."""
    provider = IdentityProvider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            provider.asked.append(parts.path)
            if parts.path == "/authorize":
                self.send_response(302)
                query = {k: v[0] for k, v in parse_qs(parts.query).items()}
                self.send_header("location", provider.authorize(query))
                self.end_headers()
                return
            self._send(provider.answer(parts.path))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            form = {k: v[0] for k, v in parse_qs(body).items()}
            self._send(provider.exchange(form, self.headers.get("authorization", "")))

        def _send(self, found: dict[str, Any] | None) -> None:
            content = json.dumps(found if found is not None else {"error": "invalid_grant"}).encode()
            self.send_response(200 if found is not None else 400)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider.issuer = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _part(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")
