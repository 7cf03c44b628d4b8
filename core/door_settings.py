"""Settings of the doors: where the house stands, and who gets in how. The others are in core/settings.py."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class DoorSettings(BaseModel):
    """The first part of the settings; each field is the variable STAFFWORK_<NAME>."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data_dir: Path = Field(Path("data"), description="Folder for everything Staffwork keeps.")
    host: str = Field("127.0.0.1", description="Address the server listens on.")
    port: int = Field(8000, ge=0, le=65535, description="Port the server listens on; 0 takes a free one.")
    public_url: str = Field("", description="Address people open, if a proxy stands in front (https://...).")
    public_links: bool = Field(False, description="Whether links to conversations may be opened without an account.")
    session_idle_hours: float = Field(
        12, gt=0, description="Hours without use after which a person must sign in again."
    )
    session_days: float = Field(
        7, gt=0, le=365, description="Days after which a person must sign in again in any case."
    )
    password_login: bool = Field(True, description="Whether people log in with passwords; else by OIDC only.")
    second_factor: Literal["optional", "admins", "everyone"] = Field(
        "optional", description="Who must have a second factor to log in with a password; everybody else may."
    )
    server: str = Field("", description="Address of a Staffwork elsewhere, for `staffwork remote` on this machine.")
    server_key: SecretStr = Field(SecretStr(""), description="Your API key there (sw_...), for `staffwork remote`.")
    oidc_issuer: str = Field("", description="Identity provider to log in with (OpenID Connect), as it names itself.")
    oidc_client_id: str = Field("", description="What the identity provider calls this house.")
    oidc_client_secret: SecretStr = Field(SecretStr(""), description="Its secret; empty for a public client.")
    oidc_label: str = Field(
        "single sign-on", pattern=r"^[\w .&()-]{1,40}$", description="What the button says after “Continue with”."
    )
    oidc_scopes: str = Field("openid email profile", description="What is asked of the identity provider.")
    oidc_newcomers: bool = Field(False, description="Whether whoever it knows gets an account here.")
    oidc_groups_claim: str = Field("groups", description="The claim that says what groups somebody is in.")
    oidc_groups: str = Field("", description="Roles by group at each login: group=role, with commas between.")
    oidc_role: Literal["none", "viewer", "member"] = Field(
        "member", description="Role of newcomers, and of those in none of the groups; none: they are not let in."
    )
    oidc_link_by_email: bool = Field(False, description="Whether a verified e-mail that is a name here is that person.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="How much is logged.")

    secrets_key: SecretStr = Field(
        SecretStr(""),
        description="Key that kept secrets are encrypted with (base64 or hex, 32 bytes); empty: a file in the data folder.",
    )
