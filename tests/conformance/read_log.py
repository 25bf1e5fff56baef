#!/usr/bin/env python3
"""Reads an exported log as a stranger would, without a line of this project's code.

usage: read_log.py FOLDER VKEY

FOLDER holds `checkpoint` and `tile/...` in the layout of c2sp.org/tlog-tiles, entry bundles
included. VKEY is the log's key as text (c2sp.org/signed-note). Needs Python 3.9 and, from PyPI,
`cryptography` and `pymerkle`. Prints `ok <size> <root in hex>`, or the reason to standard error
and exits 1. Every file in the folder is looked at: what is wrong, missing or unknown is refused.
"""

import base64
import binascii
import hashlib
import os
import re
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pymerkle import InmemoryTree

WIDTH = 256


class Refused(Exception):
    """The log is not what its key signed."""


def base64_bytes(text, what):
    """Reads base64, and no second spelling of the same bytes."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Refused(f"{what}: not base64") from None
    if base64.b64encode(data).decode() != text:
        raise Refused(f"{what}: not canonical base64")
    return data


def key_of(vkey):
    parts = vkey.split("+", 2)
    if len(parts) != 3 or not parts[0]:
        raise Refused("vkey: not name+id+key")
    name, key_id, rest = parts
    data = base64_bytes(rest, "vkey")
    if len(data) != 33 or data[0] != 1:
        raise Refused("vkey: not an Ed25519 key of type 01")
    expected = hashlib.sha256(name.encode() + b"\n" + data).digest()[:4]
    if key_id != expected.hex():
        raise Refused(f"vkey: key id {key_id} does not fit, it is {expected.hex()}")
    return name, expected, Ed25519PublicKey.from_public_bytes(data[1:])


def decimal(text, what):
    if not re.fullmatch(r"0|[1-9][0-9]*", text, re.ASCII):
        raise Refused(f"{what}: not a decimal number")
    return int(text)


def read_checkpoint(note, vkey):
    name, key_id, key = key_of(vkey)
    try:
        whole = note.decode("utf-8")
    except UnicodeDecodeError:
        raise Refused("checkpoint: not UTF-8") from None
    if any(char < " " and char != "\n" for char in whole):
        raise Refused("checkpoint: control character")
    text, blank, lines = whole.rpartition("\n\n")
    if not blank or not lines.endswith("\n"):
        raise Refused("checkpoint: no blank line and signatures")
    text += "\n"
    verified = 0
    for line in lines[:-1].split("\n"):
        parts = line.split(" ")
        if len(parts) != 3 or parts[0] != "\u2014" or not parts[1] or "+" in parts[1]:
            raise Refused("checkpoint: malformed signature line")
        data = base64_bytes(parts[2], "checkpoint: signature")
        if len(data) < 5:
            raise Refused("checkpoint: signature too short")
        if (parts[1], data[:4]) != (name, key_id):
            continue
        try:
            key.verify(data[4:], text.encode())
        except InvalidSignature:
            raise Refused("checkpoint: the log's signature does not fit") from None
        verified += 1
    if verified == 0:
        raise Refused("checkpoint: not signed by this key")
    body = text[:-1].split("\n")
    if len(body) < 3 or "" in body:
        raise Refused("checkpoint: fewer than three lines, or an empty one")
    if body[0] != name:
        raise Refused("checkpoint: origin and key name differ")
    root = base64_bytes(body[2], "checkpoint: root")
    if len(root) != 32:
        raise Refused("checkpoint: root is no SHA-256 hash")
    return decimal(body[1], "checkpoint: size"), root


def path_of(kind, index, width):
    groups = [f"{index % 1000:03}"]
    while index >= 1000:
        index //= 1000
        groups.insert(0, f"x{index % 1000:03}")
    partial = "" if width == WIDTH else f".p/{width}"
    return f"tile/{kind}/{'/'.join(groups)}{partial}"


def tiles_of(size):
    """All tiles of a tree: kind, index, width, and how many leaves one of its places spans."""
    levels, span = [("entries", 1)], 1
    while size // span > 0:
        levels.append((str(len(levels) - 1), span))
        span *= WIDTH
    for kind, span in levels:
        count = size // span
        for index in range(count // WIDTH):
            yield kind, index, WIDTH, span
        if count % WIDTH:
            yield kind, count // WIDTH, count % WIDTH, span


def entries_of(bundle, width, path):
    entries, place = [], 0
    for _ in range(width):
        length = int.from_bytes(bundle[place : place + 2], "big")
        entry = bundle[place + 2 : place + 2 + length]
        if place + 2 > len(bundle) or len(entry) != length:
            raise Refused(f"{path}: cut short")
        entries.append(entry)
        place += 2 + length
    if place != len(bundle):
        raise Refused(f"{path}: bytes behind the last entry")
    return entries


def root_of(entries):
    tree = InmemoryTree(algorithm="sha256")
    for entry in entries:
        tree.append_entry(entry)
    return tree.get_root()


def read_file(folder, path):
    try:
        with open(os.path.join(folder, path), "rb") as file:
            return file.read()
    except OSError:
        raise Refused(f"{path}: missing") from None


def expected_hashes(entries, roots, index, width, span):
    first = index * WIDTH
    for place in range(first, first + width):
        if (span, place) not in roots:
            roots[span, place] = root_of(entries[place * span : (place + 1) * span])
    return b"".join(roots[span, place] for place in range(first, first + width))


def check_partials(folder, wanted, entries, roots):
    """Partial tiles of earlier sizes may lie about; they have to fit as well."""
    found = set()
    for parent, _, names in os.walk(folder):
        for name in names:
            full = os.path.join(parent, name)
            found.add(os.path.relpath(full, folder).replace(os.sep, "/"))
    for path in sorted(found - wanted - {"checkpoint"}):
        match = re.fullmatch(r"tile/(entries|[0-7])/((?:x\d{3}/)*\d{3})\.p/(\d+)", path, re.ASCII)
        if not match:
            raise Refused(f"{path}: no file of this log")
        kind, index, width = match[1], int(re.sub(r"[x/]", "", match[2])), int(match[3])
        span = 1 if kind == "entries" else WIDTH ** int(kind)
        known = len(entries) // span
        if not 0 < width < WIDTH or index * WIDTH + width > known:
            raise Refused(f"{path}: beyond the end of the log")
        if path_of(kind, index, width) != path:
            raise Refused(f"{path}: not the name of a tile")
        data = read_file(folder, path)
        if kind == "entries":
            first = index * WIDTH
            same = entries_of(data, width, path) == entries[first : first + width]
        else:
            same = data == expected_hashes(entries, roots, index, width, span)
        if not same:
            raise Refused(f"{path}: does not fit the entries")


def read_log(folder, vkey):
    size, root = read_checkpoint(read_file(folder, "checkpoint"), vkey)
    entries, roots, wanted = [], {}, set()
    for kind, index, width, span in tiles_of(size):
        path = path_of(kind, index, width)
        wanted.add(path)
        data = read_file(folder, path)
        if kind == "entries":
            entries += entries_of(data, width, path)
        elif data != expected_hashes(entries, roots, index, width, span):
            raise Refused(f"{path}: does not fit the entries")
    if len(entries) != size or root_of(entries) != root:
        raise Refused("checkpoint: another root than that of the entries")
    check_partials(folder, wanted, entries, roots)
    return size, root


def main(arguments):
    if len(arguments) != 2:
        print(__doc__.split("\n\n")[1], file=sys.stderr)
        return 2
    try:
        size, root = read_log(arguments[0], arguments[1])
    except Refused as reason:
        print(f"refused: {reason}", file=sys.stderr)
        return 1
    print(f"ok {size} {root.hex()}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
