"""Texts into vectors: on this machine without any network, or by an OpenAI-compatible server."""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx

from core.errors import ModelUnavailable
from core.ports import Embedder
from core.settings import Settings

MOST_CHARACTERS = 4000
"""Longer texts are cut before they are embedded: models read no further, and one long text would pad its whole batch."""

_LOCAL_BATCH = 32
_REMOTE_BATCH = 64


class LocalEmbedder:
    """Embeds with the static word vectors that come with wordllama: offline, about 0.1 ms per short text."""

    name = "wordllama-256-v1"
    dimensions = 256

    def __init__(self) -> None:
        self._model: Any = None
        self._loading = threading.Lock()

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return one unit-length vector per text, in order; the model is loaded at the first call (0.5 s)."""
        return await asyncio.to_thread(self._embed, [_prepared(t) for t in texts]) if texts else []

    def _embed(self, texts: list[str]) -> list[list[float]]:
        with self._loading:
            if self._model is None:
                self._model = _load_wordllama()
        vectors: list[list[float]] = self._model.embed(texts, norm=True, batch_size=_LOCAL_BATCH).tolist()
        return vectors


def _load_wordllama() -> Any:
    import wordllama

    # The wheel holds weights and tokenizer, but load() looks for the tokenizer elsewhere and would download it:
    # naming the package's own folder as the cache finds both, and downloads stay off.
    folder = Path(wordllama.__file__).parent
    return wordllama.WordLlama.load(cache_dir=folder, disable_download=True)


class RemoteEmbedder:
    """Embeds by `POST {base_url}/embeddings`, as OpenAI, Ollama, llama.cpp and vLLM understand it.

    `dimensions` is 0 until the first answer tells it. Raises ModelUnavailable in plain words.
    """

    def __init__(self, model: str, base_url: str, api_key: str, *, seconds: float = 30) -> None:
        self.name = f"remote-{model}"
        self.dimensions = 0
        self._model = model
        self._url = base_url.rstrip("/") + "/embeddings"
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._seconds = seconds

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return one unit-length vector per text, in order, asking for at most 64 texts at a time."""
        prepared = [_prepared(t) for t in texts]
        vectors: list[list[float]] = []
        timeout = httpx.Timeout(self._seconds, connect=5)
        async with httpx.AsyncClient(headers=self._headers, timeout=timeout) as client:
            for start in range(0, len(prepared), _REMOTE_BATCH):
                vectors += await self._ask(client, prepared[start : start + _REMOTE_BATCH])
        return vectors

    async def _ask(self, client: httpx.AsyncClient, texts: list[str]) -> list[list[float]]:
        question = {"model": self._model, "input": texts, "encoding_format": "float"}
        try:
            answer = await client.post(self._url, json=question)
        except httpx.TimeoutException:
            raise ModelUnavailable("timeout", f"The embedding model {self._model} did not answer in time.") from None
        except httpx.HTTPError:
            raise ModelUnavailable(
                "connection", f"The server of the embedding model {self._model} was not reached."
            ) from None
        if answer.is_error:
            raise _refusal(self._model, answer.status_code)
        return self._read(answer, len(texts))

    def _read(self, answer: httpx.Response, expected: int) -> list[list[float]]:
        try:
            rows = sorted(answer.json()["data"], key=lambda row: int(row["index"]))
            vectors = [_unit([float(x) for x in row["embedding"]]) for row in rows]
        except (ValueError, KeyError, TypeError):
            raise ModelUnavailable(
                "bad_reply", f"The embedding model {self._model} gave an unreadable answer."
            ) from None
        self.dimensions = self.dimensions or (len(vectors[0]) if vectors else 0)
        if len(vectors) != expected or any(len(v) != self.dimensions for v in vectors):
            raise ModelUnavailable("bad_reply", f"The embedding model {self._model} did not answer for every text.")
        return vectors


def open_embedder(settings: Settings) -> Embedder:
    """Choose the embedder the settings name; nothing is loaded or asked yet."""
    if settings.embeddings == "local":
        return LocalEmbedder()
    provider, model = settings.embeddings.split(":", 1)
    base_url = settings.openai_base_url if provider == "openai" else settings.compatible_base_url
    return RemoteEmbedder(model, base_url, settings.key_for(provider), seconds=settings.model_first_token_seconds)


def _prepared(text: str) -> str:
    # A text without any token has no direction, hence no unit vector: a full stop stands in for it.
    clean = text[:MOST_CHARACTERS].encode("utf-8", "replace").decode("utf-8").replace("\x00", " ")
    return clean if clean.strip() else "."


def _unit(vector: list[float]) -> list[float]:
    length = math.sqrt(sum(x * x for x in vector))
    if not math.isfinite(length) or length == 0:
        raise ValueError("a vector without direction")
    return [x / length for x in vector]


def _refusal(model: str, status: int) -> ModelUnavailable:
    if status in (401, 403):
        return ModelUnavailable("auth", f"The key for the embedding model {model} was not accepted.")
    if status == 402:
        return ModelUnavailable("credit", f"There is no credit left for the embedding model {model}.")
    if status == 404:
        return ModelUnavailable("not_found", f"The server does not know the embedding model {model}.")
    if status == 429:
        return ModelUnavailable("rate_limit", f"The embedding model {model} is asked too often right now.")
    return ModelUnavailable("server", f"The server of the embedding model {model} failed (status {status}).")
