"""Settings of logging in: what cannot work stops the start, in one line that names the variable."""

from __future__ import annotations

import pytest

from core.errors import Misconfigured
from core.settings import PREFIX, Settings, load

GOOD = {"OIDC_ISSUER": "https://login.example.org", "OIDC_CLIENT_ID": "staffwork"}


def read(**variables: str) -> Settings:
    return load({PREFIX + name: value for name, value in variables.items()}, None)


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"PASSWORD_LOGIN": "false"}, "STAFFWORK_PASSWORD_LOGIN"),
        ({"OIDC_ISSUER": "https://login.example.org"}, "STAFFWORK_OIDC_CLIENT_ID"),
        (GOOD | {"OIDC_ISSUER": "http://login.example.org"}, "STAFFWORK_OIDC_ISSUER"),
        (GOOD | {"OIDC_ISSUER": "http://127.0.0.1.example.org"}, "STAFFWORK_OIDC_ISSUER"),
        (GOOD | {"OIDC_ISSUER": "ftp://127.0.0.1"}, "STAFFWORK_OIDC_ISSUER"),
        (GOOD | {"OIDC_GROUPS": "it=owner"}, "STAFFWORK_OIDC_GROUPS"),
        (GOOD | {"OIDC_GROUPS": "it"}, "STAFFWORK_OIDC_GROUPS"),
        (GOOD | {"OIDC_ROLE": "admin"}, "STAFFWORK_OIDC_ROLE"),
        (GOOD | {"OIDC_LABEL": "a/b"}, "STAFFWORK_OIDC_LABEL"),
        ({"SECOND_FACTOR": "sometimes"}, "STAFFWORK_SECOND_FACTOR"),
    ],
)
def test_what_cannot_work_is_refused_by_name(variables: dict[str, str], words: str) -> None:
    with pytest.raises(Misconfigured) as caught:
        read(**variables)
    assert str(caught.value).startswith(words)
    assert "\n" not in str(caught.value)


def test_what_can_work_is_read() -> None:
    settings = read(
        **GOOD, PASSWORD_LOGIN="false", OIDC_GROUPS=" it = admin, cn=staff=member,", OIDC_CLIENT_SECRET="hidden"
    )
    assert not settings.password_login
    assert settings.oidc_roles() == {"it": "admin", "cn=staff": "member"}
    assert "hidden" in settings.secrets()
    assert read(**GOOD | {"OIDC_ISSUER": "http://127.0.0.1:9000"}).oidc_issuer
