"""The identity provider, spoken to as OpenID Connect asks: discovery, code flow with PKCE, and an ID token that is checked.

Its address is set by the administrator; what it answers is still held against limits of size, time and form. Nothing it says
is believed before its signature, issuer, audience, nonce and times are right.
"""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

from api.oidc_fetch import ProviderRefused, fetched

if TYPE_CHECKING:
    from core.settings import Settings

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Signatures with a public key only: with a shared secret, or with none, anybody could have made the token."""
KEPT_SECONDS = 3600.0
"""How long the provider's description and keys are used before they are fetched again."""
LEAST_SECONDS_BETWEEN_KEYS = 10.0
"""How soon keys are fetched again because a token names one that is not known."""
SKEW_SECONDS = 60
_LONGEST_TOKEN = 64 * 1024


@dataclass(frozen=True)
class Attempt:
    """What has to come back from one login, or fit to it."""

    state: str
    nonce: str
    verifier: str


class Provider:
    """One identity provider."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._described: dict[str, Any] = {}
        self._keys: KeySet | None = None
        self._described_at = self._keys_at = 0.0

    async def address(self, attempt: Attempt, redirect: str) -> str:
        """Return where the browser goes to log in; raises ProviderRefused if the provider cannot be asked."""
        description = await self._description()
        asked = {
            "response_type": "code",
            "client_id": self._settings.oidc_client_id,
            "redirect_uri": redirect,
            "scope": self._settings.oidc_scopes,
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": create_s256_code_challenge(attempt.verifier),
            "code_challenge_method": "S256",
        }
        place = _endpoint(description, "authorization_endpoint", self._settings.oidc_issuer)
        return f"{place}{'&' if urlsplit(place).query else '?'}{urlencode(asked)}"

    async def claims(self, code: str, attempt: Attempt, redirect: str) -> dict[str, Any]:
        """Exchange a code for what the provider says of the person; raises ProviderRefused unless everything is right."""
        description = await self._description()
        answer = await self._exchange(description, code, attempt, redirect)
        token = answer.get("id_token")
        if not isinstance(token, str) or len(token) > _LONGEST_TOKEN:
            raise ProviderRefused("The identity provider answered without saying who you are.")
        claims = await self._checked(token, attempt.nonce)
        if "userinfo_endpoint" in description and isinstance(answer.get("access_token"), str):
            claims = await self._completed(description, answer["access_token"], claims)
        return claims

    async def _exchange(
        self, description: dict[str, Any], code: str, attempt: Attempt, redirect: str
    ) -> dict[str, Any]:
        place = _endpoint(description, "token_endpoint", self._settings.oidc_issuer)
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect,
            "code_verifier": attempt.verifier,
            "client_id": self._settings.oidc_client_id,
        }
        secret, ways = self._settings.oidc_client_secret.get_secret_value(), _texts(description, _AUTH_METHODS)
        basic = None
        if secret and ("client_secret_basic" in ways or "client_secret_post" not in ways):
            basic = (self._settings.oidc_client_id, secret)
        elif secret:
            form["client_secret"] = secret
        return await fetched("POST", place, data=form, auth=basic)

    async def _checked(self, token: str, nonce: str) -> dict[str, Any]:
        """Return the claims of an ID token that is right in every way."""
        try:
            decoded = await self._decoded(token)
            there = jwt.ClaimsOption(essential=True)
            registry = jwt.JWTClaimsRegistry(
                leeway=SKEW_SECONDS,
                iss={"essential": True, "value": self._settings.oidc_issuer},
                aud={"essential": True, "value": self._settings.oidc_client_id},
                nonce={"essential": True, "value": nonce},
                sub=there,
                exp=there,
                iat=there,
            )
            registry.validate(decoded.claims)
        except (JoseError, ValueError, TypeError, KeyError) as problem:
            words = "The identity provider's word could not be checked, so you were not logged in"
            raise ProviderRefused(f"{words} ({_reason(problem)}). Please try again.") from None
        claims: dict[str, Any] = decoded.claims
        several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if claims.get("azp", None if several else self._settings.oidc_client_id) != self._settings.oidc_client_id:
            raise ProviderRefused("The identity provider spoke to another program than this one (azp).")
        if not 0 < len(str(claims["sub"])) <= 255:
            raise ProviderRefused("The identity provider did not say who you are (sub).")
        return claims

    async def _decoded(self, token: str) -> jwt.Token:
        """Check the signature; a key that is not known may be new, so the keys are fetched again then."""
        try:
            return jwt.decode(token, await self._key_set(), algorithms=ALGORITHMS)
        except InvalidKeyIdError:
            if monotonic() - self._keys_at < LEAST_SECONDS_BETWEEN_KEYS:
                raise
            return jwt.decode(token, await self._key_set(again=True), algorithms=ALGORITHMS)

    async def _completed(self, description: dict[str, Any], access: str, claims: dict[str, Any]) -> dict[str, Any]:
        """Ask for what the ID token leaves out; what is signed there goes first."""
        wanted = {"email", self._settings.oidc_groups_claim} if self._settings.oidc_groups else {"email"}
        if wanted <= set(claims):
            return claims
        place = _endpoint(description, "userinfo_endpoint", self._settings.oidc_issuer)
        more = await fetched("GET", place, headers={"authorization": f"Bearer {access}"})
        if more.get("sub") != claims["sub"]:
            raise ProviderRefused("The identity provider spoke of two different people, so you were not logged in.")
        return more | claims

    async def _description(self) -> dict[str, Any]:
        if not self._described or monotonic() - self._described_at > KEPT_SECONDS:
            issuer = self._settings.oidc_issuer
            found = await fetched("GET", issuer.rstrip("/") + "/.well-known/openid-configuration")
            if found.get("issuer") != issuer:
                raise ProviderRefused("The identity provider calls itself by another name than STAFFWORK_OIDC_ISSUER.")
            if "S256" not in _texts(found, "code_challenge_methods_supported", ("S256",)):
                raise ProviderRefused(
                    "The identity provider does not know PKCE (S256), without which nobody is let in."
                )
            self._described, self._described_at = found, monotonic()
        return self._described

    async def _key_set(self, *, again: bool = False) -> KeySet:
        if self._keys is None or again or monotonic() - self._keys_at > KEPT_SECONDS:
            place = _endpoint(await self._description(), "jwks_uri", self._settings.oidc_issuer)
            found = await fetched("GET", place)
            self._keys, self._keys_at = KeySet.import_key_set(found), monotonic()  # type: ignore[arg-type]
        return self._keys


_AUTH_METHODS = "token_endpoint_auth_methods_supported"


def _endpoint(description: dict[str, Any], name: str, issuer: str) -> str:
    """Find an address in the description; over TLS, unless the issuer itself is on this machine."""
    place = description.get(name)
    if not isinstance(place, str) or urlsplit(place).scheme not in ("https", urlsplit(issuer).scheme):
        raise ProviderRefused(f"The identity provider does not say where its {name} is.")
    return place


def _texts(description: dict[str, Any], name: str, otherwise: tuple[str, ...] = ()) -> tuple[str, ...]:
    found = description.get(name, otherwise)
    return tuple(str(one) for one in found) if isinstance(found, list | tuple) else otherwise


def _reason(problem: Exception) -> str:
    """Say in a few words what was wrong; never with anything out of the token."""
    claim = getattr(problem, "claim", "") or ""
    name = getattr(problem, "error", "") or "bad key"
    return f"{name.replace('_', ' ')}{f': {claim}' if claim and claim.isidentifier() else ''}"
