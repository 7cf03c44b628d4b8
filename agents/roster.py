"""The roster: operators are data, one Markdown file each with a short header and the charter below it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import yaml
from pydantic import Field, ValidationError

from core.errors import Misconfigured, NotFound
from core.missions import Value
from core.ports import Embedder

FOLDER = Path(__file__).parent / "profiles"
_HEADER = re.compile(r"\A---\s*\n(.*?)\n---\s*\n(.*)\Z", re.DOTALL)
_WORD_BONUS, _MOST_BONUS = 0.03, 0.12


class Profile(Value):
    """One operator: who it is, when to call it, what it may use; `version` changes whenever its file does.

    `steps` is the most model calls of one task (None: the setting decides); `web` says whether it may use the network;
    `may_request` names the further tools it may ask for (* stands for anything).
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{1,39}$")
    title: str = Field(min_length=1, max_length=80)
    when: str = Field(min_length=1, max_length=300)
    capabilities: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    tier: Literal["small", "standard", "strong"] = "standard"
    web: bool = False
    may_request: tuple[str, ...] = ("*",)
    enabled: bool = True
    steps: int | None = Field(None, ge=1, le=100)
    charter: str = Field(min_length=1, max_length=6000)
    version: str

    @property
    def matter(self) -> str:
        """Say in one text what it is good for; this is what goals are compared with."""
        return f"{self.title}. {self.when} {', '.join(self.capabilities)}"


class Roster:
    """Every operator there is, by name."""

    def __init__(self, profiles: Sequence[Profile]) -> None:
        self._profiles = {p.name: p for p in sorted(profiles, key=lambda p: p.name)}
        self._vectors: dict[str, dict[str, list[float]]] = {}  # embedder name -> operator -> vector

    @classmethod
    def load(cls, folders: Sequence[Path]) -> Roster:
        """Read the profiles of all folders, a later folder wins; raises Misconfigured naming file and field.

        A folder that does not exist counts as empty.
        """
        found: dict[str, Profile] = {}
        for folder in folders:
            here: dict[str, Profile] = {}
            for path in sorted(folder.glob("*.md")):
                profile = read_profile(path)
                if profile.name in here:
                    raise Misconfigured(f"{path.name}: name: {profile.name} is taken by another file in this folder.")
                here[profile.name] = profile
            found |= here
        if not any(p.enabled for p in found.values()):
            raise Misconfigured("There is no enabled operator profile; put at least one into the profiles folder.")
        return cls(list(found.values()))

    def get(self, name: str) -> Profile:
        """Return a profile by name; raises NotFound."""
        if name not in self._profiles:
            raise NotFound(f"There is no operator called {name}.")
        return self._profiles[name]

    def enabled(self) -> list[Profile]:
        """List the operators that may be given work, by name."""
        return [p for p in self._profiles.values() if p.enabled]

    async def ranked(self, goal: str, embedder: Embedder) -> list[Profile]:
        """List the enabled operators, best match for the goal first."""
        vectors = await self._known(embedder)
        [wanted] = await embedder.embed([goal])
        words = set(re.findall(r"\w{4,}", goal.lower()))

        def score(profile: Profile) -> float:
            near = sum(a * b for a, b in zip(wanted, vectors[profile.name], strict=True))
            literal = len(words & set(re.findall(r"\w{4,}", " ".join(profile.capabilities).lower())))
            return near + min(literal * _WORD_BONUS, _MOST_BONUS)

        return sorted(self.enabled(), key=lambda p: (-score(p), p.name))

    async def _known(self, embedder: Embedder) -> dict[str, list[float]]:
        if embedder.name not in self._vectors:
            profiles = self.enabled()
            vectors = await embedder.embed([p.matter for p in profiles])
            self._vectors[embedder.name] = {p.name: v for p, v in zip(profiles, vectors, strict=True)}
        return self._vectors[embedder.name]


def read_profile(path: Path) -> Profile:
    """Read one profile file; raises Misconfigured with one line that names the file and the field."""
    try:
        content = path.read_bytes()
        text = content.decode("utf-8").replace("\r\n", "\n")
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{path.name}: cannot be read as UTF-8 text ({error}).") from None
    parts = _HEADER.match(text)
    if parts is None:
        raise Misconfigured(f"{path.name}: must begin with a header between two lines of ---.")
    try:
        header = yaml.safe_load(parts[1])
    except yaml.YAMLError as error:
        raise Misconfigured(f"{path.name}: the header is not valid YAML ({str(error).splitlines()[0]}).") from None
    if not isinstance(header, dict) or {"charter", "version"} & set(header):
        raise Misconfigured(f"{path.name}: the header must be fields like name: and title: (no charter, no version).")
    try:
        return Profile.model_validate(
            header | {"charter": parts[2].strip(), "version": hashlib.sha256(content).hexdigest()[:12]}
        )
    except ValidationError as error:
        raise Misconfigured(f"{path.name}: {_first_problem(error)}") from None


def _first_problem(error: ValidationError) -> str:
    problem = error.errors(include_url=False)[0]
    words = str(problem["msg"])
    return f"{'.'.join(str(p) for p in problem['loc'])}: {words[0].lower() + words[1:]}."
