"""Every setting, read once from STAFFWORK_* variables and `.env`, frozen, and refusing nonsense."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

from dotenv import dotenv_values
from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator

from core.door_settings import DoorSettings
from core.errors import Misconfigured

PREFIX = "STAFFWORK_"
PROVIDERS = ("rehearsal", "openai", "anthropic", "openrouter", "compatible", "import")


class Settings(DoorSettings):
    """What an administrator can choose; each field is the variable STAFFWORK_<NAME>. The first ones: core/door_settings.py."""

    model: str = Field("rehearsal:", description="Model for most work, as provider:name.")
    model_small: str = Field("", description="Model for simple steps; empty: the same as STAFFWORK_MODEL.")
    model_strong: str = Field("", description="Model for hard steps; empty: the same as STAFFWORK_MODEL.")
    models_offered: str = Field(
        "",
        description="Further models people may choose, as provider:name with commas between; without, only those above.",
    )
    openai_api_key: SecretStr = Field(SecretStr(""), description="Key for openai: models.")
    openai_base_url: str = Field("https://api.openai.com/v1", description="Where openai: models are.")
    anthropic_api_key: SecretStr = Field(SecretStr(""), description="Key for anthropic: models.")
    anthropic_base_url: str = Field("https://api.anthropic.com", description="Where anthropic: models are.")
    openrouter_api_key: SecretStr = Field(SecretStr(""), description="Key for openrouter: models.")
    openrouter_base_url: str = Field("https://openrouter.ai/api/v1", description="Where openrouter: models are.")
    compatible_api_key: SecretStr = Field(SecretStr(""), description="Key for compatible: models, if they want one.")
    compatible_base_url: str = Field("", description="Any OpenAI-compatible server, e.g. http://127.0.0.1:11434/v1.")
    models_that_see: str = Field(
        "",
        description="Models that can see pictures beyond those known to, as provider:name with commas (* for anything); "
        "a - before one says that it cannot.",
    )
    pictures_per_call: int = Field(5, ge=0, le=20, description="Most pictures one model call is shown; 0: none at all.")
    pictures_mb_per_call: int = Field(8, ge=1, le=50, description="Most megabytes of pictures one model call is shown.")
    picture_side: int = Field(1568, ge=200, le=4000, description="Points of a picture's longer side, as models see it.")
    price_in: Decimal | None = Field(
        None, ge=0, description="US dollars per million input tokens where no price is known."
    )
    price_out: Decimal | None = Field(
        None, ge=0, description="US dollars per million output tokens where no price is known."
    )
    embeddings: str = Field("local", description="local, or openai:<model>, or compatible:<model>.")

    model_max_tokens: int = Field(8192, ge=64, description="Most tokens one model reply may have.")
    model_attempts: int = Field(3, ge=1, le=10, description="How often one model call is tried.")
    model_first_token_seconds: float = Field(60, gt=0, description="Longest wait for a reply to begin.")
    model_silence_seconds: float = Field(60, gt=0, description="Longest pause within a reply.")
    model_total_seconds: float = Field(600, gt=0, description="Longest time for one model call with all its attempts.")
    model_calls_at_once: int = Field(32, ge=1, description="Model calls under way at the same time.")
    context_tokens: int = Field(4000, ge=1000, description="Most tokens of history and passages the Chief is given.")

    database_url: SecretStr = Field(
        SecretStr(""),
        description="PostgreSQL for several machines (postgresql://...); empty: a file in the data folder.",
    )

    work_here: bool = Field(
        True, description="Whether the server works on missions itself; false leaves them to `staffwork work`."
    )
    missions_at_once: int = Field(8, ge=1, description="Missions under way at the same time; others wait their turn.")
    missions_per_user: int = Field(4, ge=1, description="Missions of one user under way at the same time.")
    mission_attempts: int = Field(
        3, ge=1, le=10, description="How often a mission is begun whose process was lost; then it fails."
    )
    ageing_seconds: float = Field(
        300, gt=0, description="Waiting time after which a mission counts one priority higher."
    )
    lease_seconds: float = Field(6, ge=2, description="Silence after which a worker counts as lost (several machines).")
    drain_seconds: float = Field(20, ge=0, le=600, description="Time that calls under way get to finish at a stop.")
    temporary_minutes: float = Field(
        30, gt=0, description="How long a temporary chat stays when nobody has it open, before it is deleted."
    )
    step_mode: bool = Field(False, description="Hold every step of every mission until somebody releases it.")
    question_seconds: float = Field(604_800, gt=0, description="How long an operator's question waits for an answer.")
    approval_seconds: float = Field(604_800, gt=0, description="How long a call waits for somebody's approval.")
    mission_model_calls: int = Field(200, ge=1, description="Most model calls of one mission.")
    mission_tool_calls: int = Field(400, ge=1, description="Most tool calls of one mission.")
    mission_tokens: int = Field(1_000_000, ge=1, description="Most tokens of one mission, in and out.")
    mission_cost: Decimal = Field(Decimal(5), gt=0, description="Most US dollars one mission may cost.")
    mission_seconds: float = Field(3600, gt=0, description="Longest wall time of one mission.")
    mission_tasks: int = Field(60, ge=1, description="Most tasks of one mission, subtasks included.")
    task_steps: int = Field(16, ge=1, description="Most model calls of one task.")
    task_seconds: float = Field(900, gt=0, description="Longest wall time of one task.")
    task_progress_seconds: float = Field(300, gt=0, description="Longest time a task may show no progress.")
    task_subtasks: int = Field(8, ge=0, description="Most subtasks one task may hand down.")
    recovery_tries: int = Field(3, ge=0, le=4, description="How often a failed task is tried in another way.")
    delegation_depth: int = Field(4, ge=1, le=8, description="How deep operators may delegate below the Chief.")
    review_rounds: int = Field(2, ge=0, le=3, description="How often a task may be sent back.")

    tool_seconds: float = Field(60, gt=0, description="Longest time one tool call may take.")
    tool_output_bytes: int = Field(16_000, ge=500, description="Most bytes of a tool's output an operator is given.")
    tool_calls_at_once: int = Field(8, ge=1, description="Tool calls under way at the same time.")
    sandbox: Literal["auto", "local", "runner", "off"] = Field(
        "auto",
        description="Where operators run code: here, in the runner, or never; auto: in the runner if its socket is named.",
    )
    sandbox_required: bool = Field(
        False,
        description="Whether what strangers wrote is opened in the sandbox or not at all, even where there is none.",
    )
    runner_socket: str = Field(
        "", description="Socket of the runner (`staffwork runner`), for code run in a container."
    )
    sandbox_hosts: str = Field(
        "", description="Hosts that code may reach if a person allows it, with commas between; *.name for all below it."
    )
    sandbox_network_mb: int = Field(100, ge=1, description="Most megabytes one run may move over the network.")
    sandbox_seconds: float = Field(50, gt=0, description="Longest time of one run in the sandbox.")
    sandbox_memory_mb: int = Field(512, ge=64, description="Most memory of one run, all its processes together.")
    sandbox_pids: int = Field(64, ge=8, le=1000, description="Most processes and threads of one run.")
    sandbox_disk_mb: int = Field(200, ge=1, description="Most megabytes that runs may fill a workspace with.")
    sandbox_files: int = Field(5000, ge=10, description="Most files and folders that runs may leave in a workspace.")
    sandbox_runs_at_once: int = Field(4, ge=1, description="Runs in the sandbox at the same time; others wait.")
    sandbox_sessions: int = Field(
        8, ge=0, description="Sessions of tasks (a Python or shell that stays) at the same time."
    )
    sandbox_sessions_per_mission: int = Field(3, ge=1, description="Sessions of the tasks of one mission.")
    sandbox_session_seconds: float = Field(
        600, gt=0, description="How long a session may stay unused before it is ended."
    )
    web: Literal["off", "listed", "on"] = Field(
        "off",
        description="Whether operators may open web pages: never, only those of STAFFWORK_WEB_HOSTS, or all public ones.",
    )
    web_hosts: str = Field(
        "",
        description="Hosts opened although they are not public, as host or host:port with commas between (an intranet).",
    )
    web_blocked: str = Field(
        "",
        description="Hosts, addresses and networks never opened, with commas between (your own public address, say).",
    )
    web_seconds: float = Field(30, gt=0, description="Longest time for opening one web page, redirects included.")
    web_max_mb: int = Field(
        10, ge=1, le=100, description="Most megabytes read of one web page; unpacked, twice as many."
    )
    search: Literal["ddgs", "searxng", "tavily", "brave"] = Field(
        "ddgs",
        description="Who is asked when the web is searched: ddgs needs no key, searxng its address, the others a key.",
    )
    search_url: str = Field("", description="Where the search service is; needed for searxng, else its own address.")
    search_api_key: SecretStr = Field(SecretStr(""), description="Key for the search service (tavily, brave).")
    upload_max_mb: int = Field(50, ge=1, le=2000, description="Largest file a person may give.")
    upload_max_files: int = Field(10, ge=1, le=100, description="Most files with one message.")
    files_per_user: int = Field(2000, ge=1, description="Most files one person may keep.")
    files_mb_per_user: int = Field(5000, ge=1, description="Most megabytes the files of one person may take.")
    parse_seconds: float = Field(60, gt=0, description="Longest time for reading one file.")
    parse_memory_mb: int = Field(1024, ge=128, description="Most memory for reading one file.")

    @field_validator("model", "model_small", "model_strong")
    @classmethod
    def _known_provider(cls, value: str) -> str:
        if (value and value.split(":", 1)[0] not in PROVIDERS) or (value and ":" not in value):
            raise ValueError("must be provider:name with provider one of " + ", ".join(PROVIDERS))
        return value

    @field_validator("embeddings")
    @classmethod
    def _known_embedder(cls, value: str) -> str:
        if value != "local" and not value.startswith(("openai:", "compatible:")):
            raise ValueError("must be local, openai:<model> or compatible:<model>")
        return value

    @model_validator(mode="after")
    def _complete(self) -> Settings:
        if not self.work_here and not self.database_url.get_secret_value():
            raise ValueError(
                f"{PREFIX}WORK_HERE: can be false only with {PREFIX}DATABASE_URL, for others to do the work"
            )
        if self.sandbox == "runner" and not self.runner_socket:
            raise ValueError(f"{PREFIX}RUNNER_SOCKET: must name the runner's socket if {PREFIX}SANDBOX is runner")
        self._check_search()
        self._check_oidc()
        for name in ("model", "model_small", "model_strong", "embeddings"):
            provider = str(getattr(self, name)).split(":", 1)[0]
            if provider == "compatible" and not self.compatible_base_url:
                raise ValueError(f"{PREFIX}COMPATIBLE_BASE_URL: must be set to use {getattr(self, name)}")
            if provider in ("openai", "anthropic", "openrouter") and not self.key_for(provider):
                raise ValueError(f"{PREFIX}{provider.upper()}_API_KEY: must be set to use {getattr(self, name)}")
        return self

    def _check_search(self) -> None:
        if self.web == "listed" and not self.web_hosts.strip():
            raise ValueError(f"{PREFIX}WEB_HOSTS: must name at least one host if {PREFIX}WEB is listed")
        if self.search == "searxng" and not self.search_url:
            raise ValueError(f"{PREFIX}SEARCH_URL: must be set to use searxng")
        if self.search in ("tavily", "brave") and not self.search_api_key.get_secret_value():
            raise ValueError(f"{PREFIX}SEARCH_API_KEY: must be set to use {self.search}")
        if self.search_url and not self.search_url.startswith(("http://", "https://")):
            raise ValueError(f"{PREFIX}SEARCH_URL: must begin with http:// or https://")

    def _check_oidc(self) -> None:
        issuer = urlsplit(self.oidc_issuer)
        near = issuer.scheme == "http" and issuer.hostname in ("127.0.0.1", "localhost", "::1")
        if self.oidc_issuer and issuer.scheme != "https" and not near:
            raise ValueError(f"{PREFIX}OIDC_ISSUER: must begin with https:// (http:// on this machine only)")
        if self.oidc_issuer and not self.oidc_client_id:
            raise ValueError(f"{PREFIX}OIDC_CLIENT_ID: must be set to use {PREFIX}OIDC_ISSUER")
        if not self.password_login and not self.oidc_issuer:
            raise ValueError(f"{PREFIX}PASSWORD_LOGIN: can be false only with {PREFIX}OIDC_ISSUER: nobody could log in")
        if bad := set(self.oidc_roles().values()) - {"admin", "member", "viewer"}:
            raise ValueError(f"{PREFIX}OIDC_GROUPS: must be group=role; {min(bad)!r} is none of admin, member, viewer")

    def oidc_roles(self) -> dict[str, str]:
        """Map each group of the identity provider to the role it gives."""
        pairs = (part.rpartition("=") for part in self.oidc_groups.split(",") if part.strip())
        return {group.strip(): role.strip() for group, _, role in pairs}

    def key_for(self, provider: str) -> str:
        """Return the secret key configured for a provider ("" if none)."""
        secret = getattr(self, f"{provider}_api_key", SecretStr(""))
        return str(secret.get_secret_value())

    def secrets(self) -> list[str]:
        """List every secret value, for masking."""
        values = (getattr(self, name) for name in type(self).model_fields)
        found = [v.get_secret_value() for v in values if isinstance(v, SecretStr) and v.get_secret_value()]
        found += self.secrets_key.get_secret_value().replace(",", "\n").split()  # there may be several
        database = urlsplit(self.database_url.get_secret_value())
        telling = database.password and database.password != database.username  # postgres:postgres is a word, no secret
        return [*found, unquote(database.password or "")] if telling else found

    def shown(self) -> dict[str, str]:
        """Map each variable to its effective value, secrets masked."""
        return {PREFIX + name.upper(): _show(getattr(self, name)) for name in type(self).model_fields}


@dataclass(frozen=True)
class InForce:
    """Settings with what was entered in the browser under them, as of `version`; `problems`: connections that do not open."""

    settings: Settings
    version: int = 0
    problems: Mapping[str, str] = field(default_factory=dict)


SettingsNow = Callable[[], Awaitable[InForce]]
"""Tells the settings in force now."""


def load(environ: Mapping[str, str] | None = None, env_file: Path | None = Path(".env")) -> Settings:
    """Read the settings; raises Misconfigured with one line that names the variable and what it accepts.

    A variable of the environment wins over the same one in `.env`.
    """
    found: dict[str, str] = {}
    if env_file is not None and env_file.is_file():
        found |= {k: v or "" for k, v in dotenv_values(env_file).items() if k.startswith(PREFIX)}
    found |= {k: v for k, v in (os.environ if environ is None else environ).items() if k.startswith(PREFIX)}
    found.pop("STAFFWORK_TESTS_REQUIRE", None)  # read by the test suite only
    known = {PREFIX + name.upper(): name for name in Settings.model_fields}
    if unknown := sorted(set(found) - set(known)):
        raise Misconfigured(f"{unknown[0]}: there is no such setting. Known settings are listed in docs/settings.md.")
    given = {known[k]: v for k, v in found.items() if v != ""}
    try:
        return Settings.model_validate(given)
    except ValidationError as error:
        raise Misconfigured(_first_problem(error)) from None


def _first_problem(error: ValidationError) -> str:
    problem = error.errors(include_url=False)[0]
    words = str(problem["msg"]).removeprefix("Value error, ")
    if not problem["loc"]:
        return words
    name = PREFIX + str(problem["loc"][0]).upper()
    given = "" if "key" in name.lower() else f" (it is {problem['input']!r})"
    return f"{name}: {words[0].lower() + words[1:]}{given}"


def _show(value: object) -> str:
    if isinstance(value, SecretStr):
        return "(set)" if value.get_secret_value() else "(not set)"
    return "" if value is None else str(value)
