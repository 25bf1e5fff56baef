#!/usr/bin/env python3
"""Reads the code of a printed point ticket and verifies it without any node.

read_ticket.py PUBLIC_KEY CODE            verifies with cryptography, prints the ticket
read_ticket.py PUBLIC_KEY CODE FOLDER     writes message, signature and key (DER) for openssl

Exit: 0 genuine, 1 not. Written from docs/formats.cddl alone.
"""

import base64
import sys
from datetime import date, timedelta
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

TAG = b"jichi/ticket/v1\0"


def number(data: bytes, at: int) -> tuple[int, int]:
    """An unsigned integer of CBOR, and where it ends."""
    head = data[at]
    if head >> 5 != 0:
        raise ValueError("no unsigned integer")
    short = head & 31
    if short < 24:
        return short, at + 1
    length = {24: 1, 25: 2, 26: 4, 27: 8}[short]
    return int.from_bytes(data[at + 1 : at + 1 + length], "big"), at + 1 + length


def face(data: bytes) -> dict[str, object]:
    """ticket-face = [town: tstr, number, points, last-day]."""
    if data[:2] != b"\x84\x66":
        raise ValueError("not four fields with a town's code first")
    town, at = data[2:8].decode("ascii"), 8
    serial, at = number(data, at)
    points, at = number(data, at)
    day, at = number(data, at)
    if at != len(data):
        raise ValueError("something stands behind the last day")
    last = date(1970, 1, 1) + timedelta(days=day)
    return {"town": town, "number": serial, "points": points, "last_day": last.isoformat()}


def main() -> int:
    key_text, code = sys.argv[1], sys.argv[2].strip()
    if not code.startswith("JT1:"):
        return 1
    text = code[4:]
    data = base64.b32decode(text + "=" * (-len(text) % 8))
    signature, signed = data[:64], data[64:]
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(key_text))
    if len(sys.argv) > 3:
        folder = Path(sys.argv[3])
        (folder / "message").write_bytes(TAG + signed)
        (folder / "signature").write_bytes(signature)
        der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        (folder / "key.der").write_bytes(der)
    try:
        key.verify(signature, TAG + signed)
    except InvalidSignature:
        return 1
    ticket = face(signed)
    print(ticket["town"], ticket["number"], ticket["points"], ticket["last_day"])
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (ValueError, IndexError, KeyError):
        sys.exit(1)
