"""A lighter Chainlit: it imports the SDK of a service that we do not use, for five names of types.

That SDK (literalai, with the tracing and RPC libraries behind it) takes 0.7 s of every start and 65 MB of memory for as long
as the server runs. Its data layer is never chosen (ours is), and nobody else in Chainlit calls it.
"""

from __future__ import annotations

import sys
from types import ModuleType

NAMES: dict[str, tuple[str, ...]] = {
    "literalai": ("BaseGeneration", "ChatGeneration", "CompletionGeneration", "GenerationMessage"),
    "literalai.observability": (),
    "literalai.observability.step": ("MessageStepType", "StepType", "TrueStepType"),
}
"""Every module and name of it that Chainlit 2.12 imports at its start; a test compares them with its source."""


def spare_literalai() -> None:
    """Let Chainlit find empty types in place of that SDK; to be called before Chainlit is imported for the first time."""
    if "literalai" in sys.modules or "chainlit" in sys.modules:
        return
    for name, types in NAMES.items():
        module = ModuleType(name, "Stands in for an SDK that is not used.")
        module.__path__ = []
        for type_name in types:
            setattr(module, type_name, type(type_name, (), {}))
        sys.modules[name] = module
