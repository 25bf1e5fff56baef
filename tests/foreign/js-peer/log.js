// The town's own log: entries, their leaves, checkpoints and receipts.

import { randomBytes } from 'node:crypto'
import { encode, struct } from './cbor.js'
import { LOG, signCheckpoint, VerifierKey, writeProof } from './note.js'
import { consistencyProof, inclusionProof, leafHash, rootOf, sha256 } from './tree.js'

export class Log {
  constructor(town, generation, signer) {
    this.signer = signer
    this.key = new VerifierKey(`${town}/log/${generation}`, LOG, signer.public)
    this.leaves = []
    this.hashes = []
  }

  /** Writes an entry, and gives its index. `sent` is an envelope that goes out with it. */
  append({ key = null, kind, shared, priv, sent = null }) {
    const index = this.leaves.length
    const outcome = [0, struct(sent && sha256(sent))]
    const half = encode([1, index, Date.now(), key, kind, shared, outcome])
    const secret = encode([priv, null, [0, struct([], sent)]])
    const leaf = Buffer.concat([half, sha256(randomBytes(16), secret)])
    this.leaves.push(leaf)
    this.hashes.push(leafHash(leaf))
    return index
  }

  checkpoint() {
    return signCheckpoint(this.key, this.signer, this.hashes.length, rootOf(this.hashes))
  }

  /** The receipt of an entry. */
  receipt(index) {
    return writeProof(this.leaves[index], index, inclusionProof(index, this.hashes), this.checkpoint())
  }

  /** That the first `size` entries begin with the first `old`; none if there are not so many. */
  prove(old, size) {
    if (old > size || size > this.hashes.length) return null
    const root = rootOf(this.hashes.slice(0, old))
    return { root, proof: consistencyProof(old, this.hashes.slice(0, size)) }
  }
}
