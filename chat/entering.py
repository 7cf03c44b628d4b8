"""Coming in by other doors than the password: with an API key, by a second factor, by an identity provider."""

from __future__ import annotations

import os
from typing import Any

from api.visitors import Visitor
from chat.desk import desk
from core.settings import Settings


async def recognise_key(key: str, address: str) -> Visitor:
    """Return who comes with an API key and what it is good for; raises KeyRefused or TooManyAttempts."""
    bearer = await desk().office.doors.keys.recognise(key, address)
    user = bearer.user
    return Visitor(user.id, user.name, user.role, scopes=bearer.scopes, key_id=bearer.key.id)


def offer_ways_in(settings: Settings) -> None:
    """Have Chainlit ask for a login always, and take passwords only where the settings do."""
    from chainlit.config import config

    from chat.login import check_password

    os.environ["CHAINLIT_CUSTOM_AUTH"] = "true"
    config.code.password_auth_callback = check_password if settings.password_login else None


def ways_in(settings: Settings) -> dict[str, Any]:
    """Say to the login page what it can offer: a form for passwords, a button for the identity provider, or both."""
    from chainlit.auth import get_configuration

    providers = [settings.oidc_label] if settings.oidc_issuer else []
    known: dict[str, Any] = get_configuration()
    return known | {"passwordAuth": settings.password_login, "oauthProviders": providers}
