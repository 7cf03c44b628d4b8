"""What a file in JavaScript, TypeScript, Go, Java or Rust says, by tree-sitter. Runs in a process of its own (code_worker.py)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache

import tree_sitter_go
import tree_sitter_java
import tree_sitter_javascript
import tree_sitter_rust
import tree_sitter_typescript
from tree_sitter import Language, Node, Parser

from tools.code_terms import Finding, Import, Item, Understood, item, nothing

_MOST_NODES, _MOST_ERRORS = 400_000, 20
_GRAMMARS: Mapping[str, Callable[[], object]] = {
    "javascript": tree_sitter_javascript.language,
    "typescript": tree_sitter_typescript.language_typescript,
    "tsx": tree_sitter_typescript.language_tsx,
    "go": tree_sitter_go.language,
    "java": tree_sitter_java.language,
    "rust": tree_sitter_rust.language,
}


@dataclass(frozen=True, slots=True)
class _Kinds:
    """Kinds of nodes: what is listed, what is only looked into, and what imports."""

    listed: frozenset[str]
    entered: frozenset[str]
    imports: frozenset[str]


def _kinds(listed: str, entered: str, imports: str) -> _Kinds:
    return _Kinds(frozenset(listed.split()), frozenset(entered.split()), frozenset(imports.split()))


_SCRIPT = _kinds(
    "class_declaration abstract_class_declaration interface_declaration enum_declaration type_alias_declaration "
    "function_declaration generator_function_declaration method_definition abstract_method_signature internal_module "
    "function_signature arrow",
    "program export_statement class_body statement_block lexical_declaration variable_declaration expression_statement "
    "ambient_declaration",
    "import_statement export_statement call_expression",
)
_KINDS: Mapping[str, _Kinds] = {
    "javascript": _SCRIPT,
    "typescript": _SCRIPT,
    "tsx": _SCRIPT,
    "go": _kinds("function_declaration method_declaration type_spec", "source_file type_declaration", "import_spec"),
    "java": _kinds(
        "class_declaration interface_declaration enum_declaration record_declaration annotation_type_declaration "
        "method_declaration constructor_declaration",
        "program class_body interface_body enum_body enum_body_declarations",
        "import_declaration package_declaration",
    ),
    "rust": _kinds(
        "function_item function_signature_item struct_item enum_item union_item trait_item impl_item mod_item macro_definition "
        "type_item",
        "source_file declaration_list",
        "use_declaration mod_item extern_crate_declaration",
    ),
}
_FUNCTIONS = frozenset({"arrow_function", "function_expression", "function", "generator_function"})
_CLOSED = frozenset(
    {"function_declaration", "generator_function_declaration", "method_definition", "method_declaration"}
    | {"function_item", "constructor_declaration", "arrow"}
)
"""What is listed and not looked into."""


def understand(text: str, language: str) -> Understood:
    """Read one file; mistakes in it are errors, and what can be read beside them is."""
    source = text.encode()
    tree = _parser(language).parse(source)
    found, kinds = nothing(), _KINDS[language]
    found["items"] = list(_items(tree.root_node, kinds, source))
    for node in _walk(tree.root_node):
        if node.type in kinds.imports:
            _note_import(node, source, found)
        if (node.is_error or node.is_missing) and len(found["errors"]) < _MOST_ERRORS:
            found["errors"].append(_error(node, source))
    return found


@cache
def _parser(language: str) -> Parser:
    return Parser(Language(_GRAMMARS[language]()))


def _walk(root: Node) -> Iterator[Node]:
    """Go through a tree, at most so many nodes; a tree may be deeper than calls can be."""
    cursor = root.walk()
    for _ in range(_MOST_NODES):
        if cursor.node is not None:
            yield cursor.node
        if cursor.goto_first_child() or cursor.goto_next_sibling():
            continue
        while cursor.goto_parent():
            if cursor.goto_next_sibling():
                break
        else:
            return


def _items(root: Node, kinds: _Kinds, source: bytes) -> Iterator[Item]:
    waiting = [(root, 0)]
    while waiting:
        node, depth = waiting.pop()
        kind = _kind(node)
        listed = kind in kinds.listed
        if listed:
            yield item(node.start_point.row + 1, node.end_point.row + 1, depth, _signature(node, source))
        if kind in _CLOSED or depth > 10 or not (listed or kind in kinds.entered or node.type == "variable_declarator"):
            continue
        waiting += [(child, depth + listed) for child in reversed(node.named_children)]


def _kind(node: Node) -> str:
    """Name the kind of a node; a variable that is a function counts as one."""
    value = node.child_by_field_name("value") if node.type == "variable_declarator" else None
    return "arrow" if value is not None and value.type in _FUNCTIONS else node.type


def _signature(node: Node, source: bytes) -> str:
    value = node.child_by_field_name("value")
    body = node.child_by_field_name("body") or (value.child_by_field_name("body") if value is not None else None)
    text = source[node.start_byte : body.start_byte if body is not None else node.end_byte].decode(errors="replace")
    return text.split("{\n")[0].rstrip().removesuffix("{").removesuffix("=>").rstrip() or node.type


def _error(node: Node, source: bytes) -> Finding:
    line = node.start_point.row + 1
    if node.is_missing:
        return Finding(line=line, text=f"{node.type} is missing")
    text = source[node.start_byte : node.start_byte + 40].decode(errors="replace").split("\n")[0]
    return Finding(line=line, text=f"cannot be understood from {text!r}")


def _note_import(node: Node, source: bytes, found: Understood) -> None:
    text = source[node.start_byte : node.end_byte].decode(errors="replace")
    if node.type == "package_declaration":
        found["package"] = text.removeprefix("package").strip(" ;")
        return
    found["imports"] += [Import(line=node.start_point.row + 1, name=name, level=0) for name in _imported(node, text)]


def _imported(node: Node, text: str) -> list[str]:
    match node.type:
        case "import_statement" | "export_statement":
            place = node.child_by_field_name("source")
            return [place.text.decode(errors="replace").strip("'\"`")] if place is not None and place.text else []
        case "call_expression":
            called = re.match(r"(?:require|import)\(\s*['\"`]([^'\"`\n]+)['\"`]", text)
            return [called[1]] if called else []
        case "import_spec":
            return re.findall(r'["`]([^"`]+)["`]', text)
        case "import_declaration":
            return [re.sub(r"^import\s+(static\s+)?|[\s;]+", "", text)]
        case "mod_item":
            return [f"self::{text.rstrip(' ;').split()[-1]}"] if text.rstrip().endswith(";") else []
    return [re.sub(r"^(pub(\([^)]*\))?\s+)?(use|extern crate)\s+|[\s;]+", "", text)]
