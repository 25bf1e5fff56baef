#!/usr/bin/env python3
"""Licences, banned crates and sources of everything that is built, by the lists in deny.toml.

cargo-deny reads the same file and checks security advisories too; this check needs no network.
"""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REGISTRY = "registry+"


def holds(expression: str, allowed: set[str]) -> bool:
    """Whether an SPDX expression can be met by the allowed licences alone."""
    tokens = re.findall(r"\(|\)|[A-Za-z0-9.+-]+", expression.replace("/", " OR "))
    tokens.reverse()

    def alternatives() -> bool:
        met = all_of()
        while tokens and tokens[-1] == "OR":
            tokens.pop()
            met = all_of() or met
        return met

    def all_of() -> bool:
        met = one()
        while tokens and tokens[-1] == "AND":
            tokens.pop()
            met = one() and met
        return met

    def one() -> bool:
        token = tokens.pop()
        if token == "(":
            met = alternatives()
            if tokens.pop() != ")":
                raise ValueError(f"unbalanced licence expression {expression!r}")
            return met
        if tokens and tokens[-1] == "WITH":
            tokens.pop()
            token += " WITH " + tokens.pop()
        return token in allowed

    met = alternatives()
    if tokens:
        raise ValueError(f"unreadable licence expression {expression!r}")
    return met


def self_check() -> None:
    """The reader of expressions is tried on known ones at each run, so that it can be believed."""
    allowed = {"MIT", "ISC"}
    for expression, expected in [
        ("MIT", True),
        ("GPL-3.0", False),
        ("GPL-3.0 OR MIT", True),
        ("GPL-3.0/MIT", True),
        ("MIT AND GPL-3.0", False),
        ("(GPL-3.0 OR ISC) AND MIT", True),
        ("Apache-2.0 WITH LLVM-exception OR MIT", True),
        ("Apache-2.0 WITH LLVM-exception", False),
        ("MIT AND (GPL-3.0 OR LGPL-2.1)", False),
    ]:
        if holds(expression, allowed) is not expected:
            raise AssertionError(f"{expression!r} should be {expected}")


def tree() -> dict[tuple[str, str], str]:
    """Name and version of each crate that is built on any target, with its licence expression."""
    command = ["cargo", "tree", "--locked", "--workspace", "--target=all", "--prefix=none"]
    command += ["--edges=normal,build,dev", "--format={p}|{l}"]
    out = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    crates = {}
    for line in filter(None, out.splitlines()):
        package, licence = line.removesuffix(" (*)").split("|")
        name, version = package.split()[:2]
        crates[name, version.removeprefix("v")] = licence.removesuffix(" (*)")
    return crates


def main() -> int:
    self_check()
    deny = tomllib.loads((ROOT / "deny.toml").read_text())
    allowed = set(deny["licenses"]["allow"])
    exceptions = {e["crate"]: set(e["allow"]) for e in deny["licenses"]["exceptions"]}
    banned = {b["crate"]: b["reason"] for b in deny["bans"]["deny"]}
    crates = tree()
    wrong = []

    for (name, version), licence in sorted(crates.items()):
        if not licence:
            wrong.append(f"{name} {version} names no licence")
        elif not holds(licence, allowed | exceptions.get(name, set())):
            wrong.append(f"{name} {version}: {licence} is not in deny.toml")
        if name in banned:
            wrong.append(f"{name} {version} is banned: {banned[name]}")

    names = {name for name, _ in crates}
    for name in sorted(exceptions.keys() - names):
        wrong.append(f"deny.toml has an exception for {name}, which is not built any more")

    registries = {REGISTRY + url for url in deny["sources"]["allow-registry"]}
    for package in tomllib.loads((ROOT / "Cargo.lock").read_text())["package"]:
        source = package.get("source")
        if source and source not in registries:
            wrong.append(f"{package['name']} comes from {source}")
        if source and "checksum" not in package:
            wrong.append(f"{package['name']} has no checksum in Cargo.lock")

    for line in wrong:
        print(line, file=sys.stderr)
    print(f"{len(crates)} crates, {len(wrong)} objections")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
