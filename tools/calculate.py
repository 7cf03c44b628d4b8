"""Exact arithmetic over a small, closed set of operations; nothing of Python itself can be reached."""

from __future__ import annotations

import ast
import decimal
import operator
import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Annotated

from pydantic import Field

from core.errors import BadInput
from core.ports import ToolContext

Number = int | Decimal

_LONGEST = 1_000  # characters of an expression
_DEEPEST = 60
_MOST_DIGITS = 4_000
_SHOWN = 20  # significant digits of a result that does not come out even
_SIGNS = str.maketrans({"×": "*", "·": "*", "÷": "/", "−": "-", "–": "-", "^": "**", "\u00a0": " ", "\n": " "})
# "15%" is a percentage unless an operand follows ("7 % 3", "7 % -3"): then the sign asks for a remainder.
_NUMBER = r"(\d[\d_]*\.?\d*|\.\d+)"
_PERCENT = re.compile(_NUMBER + r"(?:%|\s+%(?!\s+[-+][\w.(]))(?!\s*[\w.(])")
_PERCENT_OF = re.compile(_NUMBER + r"\s*%\s*of\b")


async def calculate(
    context: ToolContext,
    expression: Annotated[str, Field(description="Such as (1200.50 - 980) / 980 * 100, or 15% * 340.")],
) -> str:
    """Calculate exactly: + - * / // % **, comparisons, round, min, max, abs, sum, mean, sqrt. 15% means 0.15."""
    text = _readable(expression)
    with decimal.localcontext(_exactly()) as exactness:
        result = evaluate(text)
        sign = "≈" if exactness.flags[decimal.Inexact] else "="
        return f"{text} {sign} {show(result)}"


def evaluate(expression: str) -> Number | bool:
    """Return the value of an expression in the current decimal context; raises BadInput for everything else."""
    try:
        tree = ast.parse(expression.strip(), mode="eval")
        return _Evaluation(expression.strip()).value(tree.body, 0)
    except SyntaxError:
        raise BadInput(f"This is no arithmetic I can read: {expression[:200]}. Write it like (3 + 4.5) * 2.") from None
    except ZeroDivisionError:
        raise BadInput("This divides by zero.") from None
    except decimal.InvalidOperation:
        raise BadInput("One step of this has no result, such as 0 / 0 or the root of a negative number.") from None
    except (decimal.DecimalException, RecursionError, MemoryError, OverflowError, ValueError):
        raise BadInput("This goes beyond what can be calculated here. Use smaller numbers or fewer brackets.") from None


def show(value: Number | bool) -> str:
    """Write a result plainly: no exponent where it is readable without, no zeros that say nothing."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    context = decimal.getcontext()
    if context.flags[decimal.Inexact]:
        value = decimal.Context(prec=_SHOWN).plus(value)
    if value == 0:
        return "0"
    value = value.normalize()
    return format(value, "f") if -30 < value.adjusted() < 40 else str(value)


def _exactly() -> decimal.Context:
    traps: list[type[decimal.DecimalException]] = [decimal.InvalidOperation, decimal.DivisionByZero, decimal.Overflow]
    return decimal.Context(prec=50, Emax=9_999, Emin=-9_999, traps=traps)


def _readable(expression: str) -> str:
    if len(expression) > _LONGEST:
        raise BadInput(f"The expression is longer than {_LONGEST:,} characters. Calculate it in steps.")
    text = expression.translate(_SIGNS).strip().removesuffix("=").rstrip()
    text = _PERCENT_OF.sub(lambda m: f"{_hundredth(m[1])} *", text)
    return _PERCENT.sub(lambda m: _hundredth(m[1]), text)


def _hundredth(number: str) -> str:
    return format(Decimal(number.replace("_", "")).scaleb(-2), "f")


class _Evaluation:
    """One walk over one parsed expression; the text is kept because a float literal would lose its digits."""

    def __init__(self, text: str) -> None:
        self._text = text

    def value(self, node: ast.expr, depth: int) -> Number | bool:
        if depth > _DEEPEST:
            raise BadInput("There are too many brackets or signs within each other. Calculate it in steps.")
        match node:
            case ast.Constant(value=bool() | int() | float()):
                return self._literal(node)
            case ast.UnaryOp(op=ast.USub() | ast.UAdd() as sign, operand=inner):
                value = self._number(inner, depth)
                return _sized(-value if isinstance(sign, ast.USub) else value)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATIONS:
                return _sized(_OPERATIONS[type(op)](self._number(left, depth), self._number(right, depth)))
            case ast.Compare(left=left, ops=ops, comparators=others) if all(type(op) in _COMPARISONS for op in ops):
                values = [self._number(part, depth) for part in (left, *others)]
                steps = zip(ops, values, values[1:], strict=False)
                return all(_COMPARISONS[type(op)](a, b) for op, a, b in steps)
            case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in _FUNCTIONS:
                return _sized(self._call(name, args, depth))
            case ast.Tuple():
                raise BadInput("Write numbers without separators between thousands: 1234.5, not 1,234.5.")
        raise BadInput(f"I cannot calculate {self._part(node)}. {_CAN}")

    def _number(self, node: ast.expr, depth: int) -> Number:
        value = self.value(node, depth + 1)
        if isinstance(value, bool):
            raise BadInput(f"{self._part(node)} is true or false, not a number.")
        return value

    def _literal(self, node: ast.Constant) -> Number:
        if isinstance(node.value, bool):
            raise BadInput(f"{node.value} is not a number.")
        if isinstance(node.value, int):
            return node.value
        return decimal.getcontext().create_decimal((ast.get_source_segment(self._text, node) or "").replace("_", ""))

    def _call(self, name: str, args: Sequence[ast.expr], depth: int) -> Number:
        parts = [part for arg in args for part in (arg.elts if isinstance(arg, ast.List | ast.Tuple) else [arg])]
        flags = decimal.getcontext().flags
        inexact_before = flags[decimal.Inexact]
        values = [self._number(part, depth) for part in parts]
        fewest, most, function = _FUNCTIONS[name]
        if not fewest <= len(values) <= most:
            raise BadInput(f"{name} does not take {len(values)} numbers.")
        result = function(values)
        if name == "round":  # what was asked to be rounded is exact again
            flags[decimal.Inexact] = inexact_before
        return result

    def _part(self, node: ast.expr) -> str:
        return (ast.get_source_segment(self._text, node) or type(node).__name__)[:100]


def _sized(value: Number) -> Number:
    if isinstance(value, int) and value.bit_length() > _MOST_DIGITS * 3.32:
        raise BadInput(f"A number in this would have more than {_MOST_DIGITS:,} digits.")
    return value


def _divide(a: Number, b: Number) -> Number:
    if isinstance(a, int) and isinstance(b, int) and b and a % b == 0:
        return a // b
    return Decimal(a) / Decimal(b)


def _floor_divide(a: Number, b: Number) -> Number:
    if isinstance(a, int) and isinstance(b, int):
        return a // b
    return (Decimal(a) / Decimal(b)).to_integral_value(rounding=decimal.ROUND_FLOOR)


def _power(a: Number, b: Number) -> Number:
    if isinstance(a, int) and isinstance(b, int) and b >= 0:
        if a.bit_length() * b > _MOST_DIGITS * 4:
            raise BadInput(f"{b} is too large an exponent: the result would have more than {_MOST_DIGITS:,} digits.")
        return int(a**b)
    return Decimal(a) ** Decimal(b)


def _round(values: Sequence[Number]) -> Number:
    places = values[1] if len(values) == 2 else 0
    if not isinstance(places, int) or abs(places) > 40:
        raise BadInput("round takes a whole number of decimal places, at most 40.")
    return Decimal(values[0]).quantize(Decimal(1).scaleb(-places), rounding=decimal.ROUND_HALF_UP)


_OPERATIONS: dict[type[ast.operator], Callable[[Number, Number], Number]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: _divide,
    ast.FloorDiv: _floor_divide,
    ast.Mod: lambda a, b: a - b * _floor_divide(a, b),
    ast.Pow: _power,
}
_COMPARISONS: dict[type[ast.cmpop], Callable[[Number, Number], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_MANY = 1_000
_FUNCTIONS: dict[str, tuple[int, int, Callable[[Sequence[Number]], Number]]] = {
    "round": (1, 2, _round),
    "min": (1, _MANY, lambda values: sorted(values)[0]),
    "max": (1, _MANY, lambda values: sorted(values)[-1]),
    "abs": (1, 1, lambda values: max(values[0], -values[0])),
    "sum": (1, _MANY, sum),
    "mean": (1, _MANY, lambda values: _divide(sum(values), len(values))),
    "sqrt": (1, 1, lambda values: Decimal(values[0]).sqrt()),
}
_CAN = "There are numbers, + - * / // % **, brackets, comparisons and " + ", ".join(_FUNCTIONS) + "."
