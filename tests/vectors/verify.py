#!/usr/bin/env python3
"""Verifies the vectors of docs/federation-protocol.md without a line of this project's code.

usage: verify.py [FILE]

FILE is federation-v1.json by default. Needs Python 3.9, `openssl`, and from PyPI `cryptography` and
`cbor2`. Prints how many vectors hold, or the first that does not to standard error and exits 1.
"""

import base64
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import cbor2
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

LINE = "\u2014 "
LOG, COSIGNER = 1, 4
count = 0
by_openssl = set()


class Wrong(Exception):
    """A vector does not hold."""


def holds(condition, what):
    global count
    count += 1
    if not condition:
        raise Wrong(what)


def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def is_signed(key, signature, message, what):
    """By the library, and the first of each kind by openssl as well."""
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    if what not in by_openssl:
        by_openssl.add(what)
        check_openssl(message, key, signature, what)
    return True


def verify(key, signature, message, what):
    holds(is_signed(key, signature, message, what), what)


def canonical(data, what):
    """Reads CBOR, and no second encoding of the same value."""
    value = cbor2.loads(data)
    holds(cbor2.dumps(value) == data, f"{what}: not the one encoding")
    return value


# --- The tree (RFC 6962, RFC 9162) ---------------------------------------------------------------


def leaf_hash(leaf):
    return sha(b"\0", leaf)


def node(left, right):
    return sha(b"\1", left, right)


def root_of(leaves):
    if not leaves:
        return sha()
    if len(leaves) == 1:
        return leaves[0]
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return node(root_of(leaves[:half]), root_of(leaves[half:]))


def inclusion(index, size, leaf, proof):
    """RFC 9162, section 2.1.3.2: the root that the proof makes; none if it has a wrong length."""
    place, last, root = index, size - 1, leaf
    for hash_ in proof:
        if last == 0:
            return None
        if place & 1 or place == last:
            root = node(hash_, root)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            root = node(root, hash_)
        place, last = place >> 1, last >> 1
    return root if last == 0 else None


def consistency(old, old_root, new, proof):
    """RFC 9162, section 2.1.4.2: both roots that the proof makes; none if it has a wrong length."""
    if old == 0 or old == new:
        return None
    proof = list(proof)
    if old & (old - 1) == 0:
        proof.insert(0, old_root)
    if not proof:
        return None
    place, last = old - 1, new - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    first = second = proof[0]
    for hash_ in proof[1:]:
        if last == 0:
            return None
        if place & 1 or place == last:
            first, second = node(hash_, first), node(hash_, second)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            second = node(second, hash_)
        place, last = place >> 1, last >> 1
    return (first, second) if last == 0 else None


def continues(old, old_root, new, new_root, proof):
    if old == 0:
        return not proof and old_root == sha()
    if old == new:
        return not proof and old_root == new_root
    return consistency(old, old_root, new, proof) == (old_root, new_root)


# --- Notes (c2sp.org/signed-note, tlog-checkpoint, tlog-cosignature) -----------------------------


class Key:
    def __init__(self, vkey):
        self.name, key_id, rest = vkey.split("+", 2)
        data = base64.b64decode(rest, validate=True)
        self.kind, self.key = data[0], data[1:]
        self.id = sha(self.name.encode(), b"\n", data)[:4]
        holds(self.id.hex() == key_id, f"the key id of {vkey}")

    def signatures(self, note):
        _, lines = note.rsplit("\n\n", 1)
        for line in lines.splitlines():
            name, data = line[len(LINE):].split(" ")
            data = base64.b64decode(data, validate=True)
            if line.startswith(LINE) and name == self.name and data[:4] == self.id:
                yield data[4:]

    def signed(self, note):
        """Whether the key signed the note; a cosigner's time comes back."""
        text = note.rsplit("\n\n", 1)[0] + "\n"
        time = None
        found = list(self.signatures(note))
        for data in found:
            message = text.encode()
            if self.kind == COSIGNER:
                time, data = int.from_bytes(data[:8], "big"), data[8:]
                message = f"cosignature/v1\ntime {time}\n{text}".encode()
            what = "a cosignature" if self.kind == COSIGNER else "a checkpoint's signature"
            if not is_signed(self.key, data, message, what):
                return None
        return (time or True) if found else None


def checkpoint(note):
    origin, size, root = note.split("\n\n", 1)[0].split("\n")
    return origin, int(size), base64.b64decode(root, validate=True)


# --- Envelopes, entries, documents ---------------------------------------------------------------


def check_envelopes(vectors):
    before = {}
    for vector in vectors:
        data = bytes.fromhex(vector["envelope"])
        header, body, signature = canonical(data, "an envelope")
        version, purpose, sender, recipient, generation, number, previous, acked, body_hash = header
        said = [vector[name] for name in ("sender", "recipient", "generation", "number")]
        holds([sender, recipient, generation, number] == said, "an envelope's header")
        holds((version, purpose) == (1, 0) and acked == vector["acked"], "an envelope's form")
        holds(body == bytes.fromhex(vector["body"]) and sha(body) == body_hash, "a body")
        holds(previous == before.get(sender, bytes(32)), "the chain of envelopes")
        message = b"jichi/envelope/v1\0" + cbor2.dumps(header)
        key = bytes.fromhex(vector["public_key"])
        verify(key, signature, message, "an envelope's signature")
        holds(sha(data).hex() == vector["hash"], "an envelope's hash")
        before[sender] = sha(data)


def check_messages(vectors):
    for vector in vectors:
        number, (body,) = canonical(bytes.fromhex(vector["bytes"]), "a message")
        holds(body[0].hex() == vector["transfer"], "a message's transfer")
        if vector["name"] == "offer":
            [[terms, points]] = body[2]
            said = [terms[0], points, body[1], body[3], body[4]]
            holds(number == 0 and len(terms) == 6, "an offer's form")
            account = [0, [bytes([3] * 16)]]
            holds(said == [vector["origin"], vector["points"], account, 1, vector["left"]], "an offer")
            holds(terms[1:] == [0, 1, 20605, 21274, 0], "an offer's terms")
        else:
            holds(number == 1 and body[1].hex() == vector["offer"], "an answer's offer")
            holds(body[2] == [0, [vector["date"]]], "an acceptance")


def check_openssl(message, key, signature, what):
    """A signature once more, by another library: one of each kind."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        pem = Ed25519PublicKey.from_public_bytes(key)
        pem = pem.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        for name, data in (("key", pem), ("message", message), ("signature", signature)):
            (folder / name).write_bytes(data)
        ran = subprocess.run(
            ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", "key", "-rawin",
             "-in", "message", "-sigfile", "signature"],
            cwd=folder, capture_output=True, check=False)
    holds(ran.returncode == 0, f"{what}, by openssl")


def check_entries(vectors, leaves):
    for vector in vectors:
        shared, salt, private = canonical(bytes.fromhex(vector["stored"]), "a stored entry")
        leaf = shared + sha(salt, private)
        holds(leaf.hex() == vector["leaf"], "a leaf")
        holds(leaf_hash(leaf).hex() == vector["leaf_hash"], "a leaf's hash")
        holds(leaves[vector["index"]] == leaf_hash(leaf), "a leaf's place")
        holds(canonical(shared, "a shared half")[1] == vector["index"], "an entry's index")


def check_document(vector):
    directory = canonical(bytes.fromhex(vector["directory"]), "a directory")
    statement, signatures = canonical(bytes.fromhex(vector["signed_statement"]), "a statement")
    _, version, _, content, issued, until = statement
    holds(content == sha(bytes.fromhex(vector["directory"])), "a directory's content")
    holds(content.hex() == vector["content"], "a statement's content")
    holds([version, issued, until] == directory[:3], "a statement")
    message = b"jichi/document/v1\0" + cbor2.dumps(statement)
    holds([key.hex() for key, _ in signatures] == [vector["root_key"]], "a statement's signer")
    for key, signature in signatures:
        verify(key, signature, message, "a statement's signature")


def check_public_list(vector):
    signed = bytes.fromhex(vector["signed_statement"])
    statement, signature = canonical(signed, "a list's statement")
    (town, kind), version, heads, issued, until = statement
    holds(f"{town}-{['shops', 'institutions'][kind]}" == vector["list"], "a list's name")
    holds(version == vector["version"] and heads == sorted(heads), "a list's version")
    holds(issued <= until <= issued + 30 * 86_400_000, "a list's validity")
    holds(sha(signed)[:8].hex() == vector["mark"], "a list's mark")
    message = b"jichi/public-list/v1\0" + cbor2.dumps(statement)
    verify(bytes.fromhex(vector["key"]), signature, message, "a list's signature")


# --- Receipts, witnesses, forks ------------------------------------------------------------------


def check_receipt(text, log):
    head, note = text.split("\n\n", 1)
    first, extra, index, *proof = head.split("\n")
    holds(first == "c2sp.org/tlog-proof@v1", "a receipt's first line")
    leaf = base64.b64decode(extra.removeprefix("extra "), validate=True)
    _, size, root = checkpoint(note)
    hashes = [base64.b64decode(line, validate=True) for line in proof]
    made = inclusion(int(index.removeprefix("index ")), size, leaf_hash(leaf), hashes)
    holds(made == root and log.signed(note), "a receipt")


def status(body, log, seen):
    """What c2sp.org/tlog-witness answers, after it has cosigned `seen`."""
    head, note = body.split("\n\n", 1)
    old, *proof = head.split("\n")
    old = int(old.removeprefix("old "))
    hashes = [base64.b64decode(line, validate=True) for line in proof]
    _, size, root = checkpoint(note)
    _, last, last_root = checkpoint(seen)
    if not log.signed(note):
        return 403
    if old > size:
        return 400
    if old != last:
        return 409
    return 200 if continues(old, last_root, size, root, hashes) else 422


def check_fork(text):
    """A file that proves a fork: the newer tree's first entries have another root than signed."""
    lines = text.split("\n")
    holds(lines[0] == "jichi/log-fork@v1", "a fork's first line")
    log = Key(lines[1].removeprefix("log "))
    shown = base64.b64decode(lines[2].removeprefix("root "), validate=True)
    rest, blocks = lines[3:], {}
    while rest and rest[0]:
        word, number = rest[0].split(" ")
        blocks[word], rest = rest[1:1 + int(number)], rest[1 + int(number):]
    older, newer = ("\n".join(blocks[word]) + "\n" for word in ("older", "newer"))
    hashes = [base64.b64decode(line, validate=True) for line in blocks["proof"]]
    (origin, old, old_root), (other, new, new_root) = checkpoint(older), checkpoint(newer)
    holds(log.signed(older) and log.signed(newer) and origin == other, "a fork's checkpoints")
    holds(continues(old, shown, new, new_root, hashes), "a fork's proof")
    holds(shown != old_root, "a fork")


def check(vectors):
    for key in vectors["keys"]:
        private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(key["seed"]))
        public = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        holds(public.hex() == key["public_key"], f"the key {key['what']}")
    leaves = [bytes.fromhex(leaf) for leaf in vectors["leaf_hashes"]]
    log = Key(vectors["log_key"])
    check_entries(vectors["entries"], leaves)
    check_envelopes(vectors["envelopes"])
    check_messages(vectors["messages"])
    envelope, proof = canonical(bytes.fromhex(vectors["delivery"]), "a delivery")
    holds(envelope.hex() == vectors["envelopes"][0]["envelope"], "a delivery's envelope")
    holds(proof == vectors["receipt"], "a delivery's proof")
    for vector in vectors["checkpoints"]:
        origin, size, root = checkpoint(vector["note"])
        holds((origin, size, root.hex()) == (log.name, vector["size"], vector["root"]), "a head")
        holds(log.signed(vector["note"]), "a checkpoint's signature")
        holds(root_of(leaves[:size]) == root, "a checkpoint's root")
    for vector in vectors["inclusion_proofs"]:
        hashes = [bytes.fromhex(hash_) for hash_ in vector["hashes"]]
        leaf = bytes.fromhex(vector["leaf_hash"])
        made = inclusion(vector["index"], vector["size"], leaf, hashes)
        holds(leaf == leaves[vector["index"]] and made.hex() == vector["root"], "an inclusion")
    for vector in vectors["consistency_proofs"]:
        hashes = [bytes.fromhex(hash_) for hash_ in vector["hashes"]]
        old, new = (bytes.fromhex(vector[name]) for name in ("old_root", "new_root"))
        sizes = vector["old_size"], vector["new_size"]
        holds(continues(sizes[0], old, sizes[1], new, hashes), "a consistency proof")
        holds(root_of(leaves[:sizes[0]]) == old, "an old root")
    check_receipt(vectors["receipt"], log)
    part = vectors["witnessing"]
    witness = Key(part["witness"])
    holds(witness.kind == COSIGNER and log.kind == LOG, "the kinds of keys")
    holds(log.signed(part["seen"]), "what a witness saw")
    for request in part["requests"]:
        holds(status(request["body"], log, part["seen"]) == request["status"], "a request")
    cosigned = part["cosigned"]
    holds(witness.signed(cosigned["note"]) == cosigned["time"], "a cosignature")
    holds(log.signed(cosigned["note"]), "a cosigned checkpoint")
    check_fork(part["fork"])
    check_document(vectors["document"])
    check_public_list(vectors["public_list"])
    holds(len(by_openssl) == 5, "openssl has seen one of each kind")


def main():
    default = pathlib.Path(os.path.abspath(__file__)).parent / "federation-v1.json"
    path = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else default
    try:
        check(json.loads(path.read_text(encoding="utf-8")))
    except (Wrong, ValueError, KeyError, IndexError, AttributeError, TypeError,
            cbor2.CBORDecodeError) as error:
        print(f"{path}: {error or type(error).__name__}", file=sys.stderr)
        return 1
    print(f"{count} checks hold")
    return 0


if __name__ == "__main__":
    sys.exit(main())
