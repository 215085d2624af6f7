"""Read out of our own source what it asks of TensorRT, and hold it against a real interface.

A small type inference over the syntax tree: annotated names (``config: trt.IBuilderConfig``) and
what the bindings' docstrings say a call returns. Every attribute, call, keyword and enumeration
value on an object of TensorRT is looked up. Nothing is run.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Surface = Mapping[str, Any]
MODULE = "<module>"
# What TensorRT calls: our subclasses must have it, with as many arguments.
OVERRIDES = {
    "ILogger": ("log",),
    "IProfiler": ("report_layer_time",),
    "IOutputAllocator": ("reallocate_output", "notify_shape"),
    "IInt8EntropyCalibrator2": (
        "get_batch_size",
        "get_batch",
        "read_calibration_cache",
        "write_calibration_cache",
    ),
}
# Found by name, not listed by the class from 10 on (NVIDIA/TensorRT python/src/infer/pyCore.cpp,
# PyOutputAllocator, in release/8.6, 10.0, 10.4 and 11.1): arguments with self.
UNLISTED = {
    "IOutputAllocator": {
        "notify_shape": 3,
        "reallocate_output": 5,
        "reallocate_output_async": 6,
    },
}
_SIGNATURE = re.compile(r"^(?:\d+\. )?\w+\((.*)\) -> (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Type:
    """A value of a class of TensorRT, or the class itself, its method, or the module."""

    name: str
    role: str  # instance, class, method, function, module


@dataclass(frozen=True)
class Parameter:
    name: str
    kind: str
    needed: bool


@dataclass
class Findings:
    """What was used, as Class.member or function, and what is wrong with it."""

    used: set[str] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)
    unresolved: set[str] = field(default_factory=set)  # names of members, on values of no type


def check(sources: Sequence[str], surface: Surface, api_class: str) -> Findings:
    """Hold sources against an interface; of the classes in ``api.py``, those of one release.

    A module that names the classes it runs for in ``RUN_BY`` is read for these alone.

    Args:
        sources: Python source.
        surface: As ``bindings.surface`` gives it.
        api_class: The class for the release, such as ``Api10``.
    """
    trees = [ast.parse(source) for source in sources]
    returns = _return_types(trees)
    findings = Findings()
    for tree in trees:
        if api_class not in _run_by(tree, api_class):
            continue
        for function in _functions(tree, api_class):
            _Checker(surface, returns, findings).function(function)
    return findings


def _run_by(tree: ast.Module, api_class: str) -> tuple[str, ...]:
    """Return the classes that a module runs for; the given one if it does not say."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "RUN_BY":
            return tuple(ast.literal_eval(node.value))
    return (api_class,)


def _functions(tree: ast.Module, api_class: str) -> Iterator[ast.FunctionDef]:
    """Yield every function, but of Api, Api8, Api10 and Api11 only what one of them runs."""
    apis = {
        node.name: node
        for node in tree.body
        if isinstance(node, ast.ClassDef) and node.name.startswith("Api")
    }
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield node
        elif isinstance(node, ast.ClassDef) and node.name not in apis:
            yield from (item for item in node.body if isinstance(item, ast.FunctionDef))
    chosen: dict[str, ast.FunctionDef] = {}
    name: str | None = api_class
    while name in apis:
        for item in apis[name].body:
            if isinstance(item, ast.FunctionDef):
                chosen.setdefault(item.name, item)
        bases = [base.id for base in apis[name].bases if isinstance(base, ast.Name)]
        name = bases[0] if bases else None
    yield from chosen.values()


def _return_types(trees: Sequence[ast.Module]) -> dict[str, Type]:
    """Map our own functions that are annotated to return an object of TensorRT."""
    found = {}
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                kind = annotated(node.returns)
                if kind is not None:
                    found[node.name] = kind
    return found


def annotated(node: ast.expr | None) -> Type | None:
    """Return the type in an annotation such as ``trt.Builder | None``."""
    if isinstance(node, ast.BinOp):
        return annotated(node.left) or annotated(node.right)
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return Type(node.attr, "instance") if node.value.id == "trt" else None
    return None


class _Checker(ast.NodeVisitor):
    def __init__(self, surface: Surface, returns: Mapping[str, Type], findings: Findings) -> None:
        self.surface = surface
        self.returns = returns
        self.findings = findings
        self.names: dict[str, Type | None] = {}

    def function(self, node: ast.FunctionDef) -> None:
        arguments = node.args
        for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
            kind = annotated(argument.annotation)
            if kind is not None:
                self._need_class(kind.name, node)
            self.names[argument.arg] = kind
        for statement in node.body:
            self.visit(statement)

    # Statements

    def visit_Assign(self, node: ast.Assign) -> None:
        kind = self.infer(node.value)
        for target in node.targets:
            self._assign(target, kind, node.value)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        kind = self.infer(node.value) if node.value is not None else None
        told = annotated(node.annotation)
        if told is not None:
            self._need_class(told.name, node)
            if kind is not None and kind != told:
                self._problem(node, f"is annotated {told.name} but is a {kind.name}")
        self._assign(node.target, told or kind, node.value)

    def _assign(self, target: ast.expr, kind: Type | None, value: ast.expr | None) -> None:
        if isinstance(target, ast.Name):
            self.names[target.id] = kind
        elif isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            for inner, part in zip(target.elts, value.elts, strict=True):
                self._assign(inner, self.infer(part), part)
        elif isinstance(target, ast.Attribute):
            owner = self.infer(target.value)
            if owner is not None and owner.role == "instance":
                member = self._member(owner, target.attr, target)
                if member is not None and not member.get("settable"):
                    self._problem(target, f"{owner.name}.{target.attr} cannot be set")

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        inner = _Checker(self.surface, self.returns, self.findings)
        inner.names = dict(self.names)
        inner.function(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for base in node.bases:
            kind = self.infer(base)
            if kind is not None:
                self._check_overrides(node, kind.name)
        for item in node.body:
            self.visit(item)

    def _check_overrides(self, node: ast.ClassDef, base: str) -> None:
        own = {item.name: item for item in node.body if isinstance(item, ast.FunctionDef)}
        for name, count in UNLISTED.get(base, {}).items():
            if name in own and len(own[name].args.args) != count:
                self._problem(node, f"{node.name}.{name} takes another number of arguments")
        for name in OVERRIDES[base]:
            listed = name not in UNLISTED.get(base, {})
            member = self._member(Type(base, "instance"), name, node) if listed else None
            if name not in own:
                self._problem(node, f"{node.name} lacks {name}, which {base} calls")
            elif member is not None:
                wanted = {len(given) for given, _ in signatures(member["doc"])}
                if len(own[name].args.args) not in wanted:
                    self._problem(node, f"{node.name}.{name} takes another number of arguments")

    def generic_visit(self, node: ast.AST) -> None:
        if isinstance(node, ast.expr):
            self.infer(node)
        else:
            super().generic_visit(node)

    # Expressions

    def infer(self, node: ast.expr) -> Type | None:
        """Check an expression with all its parts and return what it is, if of TensorRT."""
        if isinstance(node, ast.Name):
            return Type(MODULE, "module") if node.id == "trt" else self.names.get(node.id)
        if isinstance(node, ast.Attribute):
            return self._attribute(node)
        if isinstance(node, ast.Call):
            return self._call(node)
        if isinstance(node, ast.ListComp | ast.GeneratorExp | ast.SetComp | ast.DictComp):
            for part in node.generators:
                self.infer(part.iter)
                for condition in part.ifs:
                    self.infer(condition)
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self.infer(child)
        return None

    def _attribute(self, node: ast.Attribute) -> Type | None:
        owner = self.infer(node.value)
        if node.attr == "trt":
            return Type(MODULE, "module")
        if owner is None:
            self.findings.unresolved.add(node.attr)
            return None
        if owner.role == "module":
            return self._of_module(node)
        if node.attr.startswith("__"):
            return None  # base.__init__
        member = self._member(owner, node.attr, node)
        if member is None:
            return None
        if member["kind"] == "value":
            return Type(owner.name, "instance")
        if member["kind"] == "class":
            return Type(f"{owner.name}.{node.attr}", "class")
        if member["kind"] == "property":
            return returned(member["doc"], self.surface)
        return Type(f"{owner.name}.{node.attr}", "method")

    def _of_module(self, node: ast.Attribute) -> Type | None:
        if node.attr == "__version__":
            return None
        if node.attr in self.surface["functions"]:
            self.findings.used.add(node.attr)
            return Type(node.attr, "function")
        self._need_class(node.attr, node)
        return Type(node.attr, "class")

    def _call(self, node: ast.Call) -> Type | None:
        called = self.infer(node.func)
        given = [self.infer(argument) for argument in node.args]
        keywords = {word.arg: self.infer(word.value) for word in node.keywords}
        if called is None or called.role in ("instance", "module"):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            return self.returns.get(name)
        doc = self._doc_of(called)
        if doc is None:
            return None
        overloads = signatures(doc)
        if called.role != "function":
            overloads = [(parameters[1:], result) for parameters, result in overloads]  # self
        if not any(fits(parameters, given, keywords) for parameters, _ in overloads):
            self._problem(node, f"{called.name} takes no {ast.unparse(node)}: {overloads}")
        if called.role == "class":
            return Type(called.name, "instance")
        return returned(doc, self.surface)

    def _doc_of(self, called: Type) -> str | None:
        if called.role == "function":
            return str(self.surface["functions"][called.name])
        name, _, method = called.name.rpartition(".")
        if called.role == "class":
            name, method = called.name, "__init__"
        member = self.surface["classes"].get(name, {}).get(method)
        return None if member is None else str(member["doc"])

    def _member(self, owner: Type, name: str, node: ast.AST) -> Mapping[str, Any] | None:
        self.findings.used.add(f"{owner.name}.{name}")
        members = self.surface["classes"].get(owner.name, {})
        if name not in members:
            self._problem(node, f"{owner.name} has no {name}")
            return None
        found: Mapping[str, Any] = members[name]
        return found

    def _need_class(self, name: str, node: ast.AST) -> None:
        if name not in self.surface["classes"]:
            self._problem(node, f"there is no class {name}")

    def _problem(self, node: ast.AST, text: str) -> None:
        self.findings.problems.append(f"line {getattr(node, 'lineno', '?')}: {text}")


def signatures(doc: str) -> list[tuple[list[Parameter], str]]:
    """Return the overloads in a docstring of pybind11: parameters and what comes back."""
    return [
        (
            [_parameter(part) for part in _split(inner) if part.strip() not in ("", "*", "/")],
            result,
        )
        for inner, result in _SIGNATURE.findall(doc)
        if inner != "*args, **kwargs"
    ]


def returned(doc: str, surface: Surface) -> Type | None:
    """Return the class that a call gives, if it is one of TensorRT."""
    results = re.findall(r"\) -> (?:[\w]+\.)*tensorrt\.([\w.]+)$", doc, re.MULTILINE)
    return Type(results[0], "instance") if results and results[0] in surface["classes"] else None


def fits(
    parameters: Sequence[Parameter],
    given: Sequence[Type | None],
    keywords: Mapping[str | None, Type | None],
) -> bool:
    """Tell whether arguments fit a signature in number, keyword and, where known, class."""
    names = [parameter.name for parameter in parameters]
    if len(given) > len(parameters) or not all(word in names for word in keywords):
        return False
    bound = dict(zip(names, given, strict=False))
    if bound.keys() & keywords.keys():
        return False
    bound.update({str(word): kind for word, kind in keywords.items()})
    return all(
        (parameter.name in bound or not parameter.needed)
        and _agrees(parameter.kind, bound.get(parameter.name))
        for parameter in parameters
    )


def _agrees(wanted: str, got: Type | None) -> bool:
    if got is None or not wanted.startswith("tensorrt"):
        return True
    return wanted.rpartition("tensorrt.")[2] == got.name


def _parameter(text: str) -> Parameter:
    name, _, rest = text.partition(":")
    kind, has_default, _ = rest.partition("=")
    return Parameter(name.strip().split("=")[0], kind.strip(), not has_default and "=" not in name)


def _split(text: str) -> list[str]:
    parts, depth, start = [], 0, 0
    for index, sign in enumerate(text):
        depth += (sign in "[(<") - (sign in "])>")
        if sign == "," and depth == 0:
            parts.append(text[start:index])
            start = index + 1
    return [*parts, text[start:]]


def sources(folder: Path) -> list[str]:
    """Return the source of every module of a package."""
    return [path.read_text() for path in sorted(folder.glob("*.py"))]
