"""No provider's SDK is loaded before a model of that provider is chosen."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import sys
from agents.llm.gateway import Gateway
from agents.llm.router import Router
from core.settings import Settings

def loaded():
    return sorted({"openai", "anthropic", "genai_prices"} & set(sys.modules))

assert loaded() == [], loaded()
settings = Settings(model="anthropic:claude-opus-4-8", model_small="compatible:x", anthropic_api_key="sk-none",
                    compatible_base_url="http://127.0.0.1:1/v1")
router = Router(settings, None)
router.choose("standard")
assert loaded() == ["anthropic"], loaded()
router.choose("small")
assert loaded() == ["anthropic", "openai"], loaded()
"""


def test_sdks_are_imported_only_when_chosen() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
