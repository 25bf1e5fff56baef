#!/usr/bin/env python3
"""Signs requests to a node as a foreign program would (RFC 9421, RFC 9530).

Needs http-message-signatures 3.0.0 and requests from PyPI, in a virtual environment:
    python3 http_signature.py URL --key-id ID --seed HEX [--method POST] [--body JSON]
The seed is the 32 bytes of an Ed25519 private key whose public key the node knows under the id.
Sends the request, then the same one again, then one with a changed body. Exit 0 when the node took
the first and refused the other two, 1 when it did not, 3 when it cannot be reached.
"""

import argparse
import os
import sys
import time
import uuid

import requests
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from http_message_signatures import HTTPMessageSigner, HTTPSignatureKeyResolver, algorithms


class OneKey(HTTPSignatureKeyResolver):
    def __init__(self, seed):
        self.key = Ed25519PrivateKey.from_private_bytes(seed)

    def resolve_private_key(self, key_id):
        return self.key

    def resolve_public_key(self, key_id):
        return self.key.public_key()


def uuid7():
    number = int(time.time() * 1000) << 80 | int.from_bytes(os.urandom(10), "big")
    number = number & ~(0xF << 76) | 0x7 << 76
    number = number & ~(0x3 << 62) | 0x2 << 62
    return str(uuid.UUID(int=number))


def signed(arguments):
    body = arguments.body.encode() if arguments.body else None
    request = requests.Request(arguments.method, arguments.url, data=body)
    request.headers["Idempotency-Key"] = uuid7()
    if body:
        request.headers["Content-Type"] = "application/json"
    prepared = request.prepare()
    components = ["@method", "@path", "@authority", "idempotency-key"]
    if "?" in prepared.url:
        components.append("@query")
    if body:
        components.append("content-type")
    signer = HTTPMessageSigner(
        signature_algorithm=algorithms.ED25519, key_resolver=OneKey(bytes.fromhex(arguments.seed))
    )
    # With `body` the library adds Content-Digest and signs it.
    signer.sign(
        prepared,
        key_id=arguments.key_id,
        nonce=os.urandom(16).hex(),
        covered_component_ids=components,
        body=body,
    )
    return prepared


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--key-id", required=True)
    parser.add_argument("--seed", required=True, help="64 hexadecimal digits")
    parser.add_argument("--method", default="POST")
    parser.add_argument("--body", default='{"points":120}')
    arguments = parser.parse_args()
    session = requests.Session()
    first, changed = signed(arguments), signed(arguments)
    changed.body = (changed.body or b"") + b" "
    changed.headers["Content-Length"] = str(len(changed.body))
    failed = False
    for what, request, taken in [
        ("first", first, True),
        ("the same again", first, False),
        ("another body", changed, False),
    ]:
        try:
            answer = session.send(request, timeout=10)
        except requests.ConnectionError as error:
            print(f"cannot reach {arguments.url}: {error}", file=sys.stderr)
            return 3
        as_expected = (answer.status_code < 400) == taken
        failed = failed or not as_expected
        print(f"{'ok' if as_expected else 'WRONG'}: {what}: {answer.status_code} {answer.text}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
