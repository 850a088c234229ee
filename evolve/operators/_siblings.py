"""What can stand in for an operator or a function."""

from __future__ import annotations

import ast

ARITHMETIC = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%"}
OTHER_ARITHMETIC = {
    "+": ("-", "-", "*"),
    "-": ("+", "+", "/"),
    "*": ("/", "/", "+"),
    "/": ("*", "*", "-"),
    "//": ("/", "%"),
    "%": ("//",),
}
COMPARISONS = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!="}
OTHER_COMPARISONS = {
    "<": ("<=", ">"),
    "<=": ("<", ">="),
    ">": (">=", "<"),
    ">=": (">", "<="),
    "==": ("!=", "<=", ">="),
    "!=": ("==", "<", ">"),
}
SIBLINGS = (
    ("min", "max"),
    ("minimum", "maximum"),
    ("amin", "amax", "mean"),
    ("argmin", "argmax"),
    ("nanmin", "nanmax"),
    ("sum", "prod", "mean"),
    ("mean", "median"),
    ("sin", "cos", "tan"),
    ("arcsin", "arccos", "arctan"),
    ("asin", "acos", "atan"),
    ("sinh", "cosh", "tanh"),
    ("exp", "expm1", "exp2"),
    ("log", "log1p", "log2", "sqrt"),
    ("sqrt", "cbrt"),
    ("floor", "ceil"),
    ("any", "all"),
    ("zeros", "ones"),
    ("zeros_like", "ones_like"),
    ("uniform", "normal"),
    ("standard_normal", "random"),
    ("cumsum", "cumprod"),
    ("std", "var"),
    ("int", "round"),
)
