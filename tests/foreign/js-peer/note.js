// Signed notes, checkpoints, cosignatures and proofs as c2sp.org describes them.

import { isSigned } from './key.js'
import { leafHash, rootByInclusion, sha256 } from './tree.js'

const DASH = '\u2014 '
export const LOG = 1
export const COSIGNER = 4

const base64 = (bytes) => bytes.toString('base64')

/** Bytes of padded base64, and no second form of them. */
export function fromBase64(text) {
  const bytes = Buffer.from(text, 'base64')
  if (base64(bytes) !== text) throw new RangeError('not base64')
  return bytes
}

/** A verifier key: a name, a kind and a public key. */
export class VerifierKey {
  constructor(name, kind, publicKey) {
    Object.assign(this, { name, kind, publicKey })
    this.id = sha256(`${name}\n`, Buffer.from([kind]), publicKey).subarray(0, 4)
  }

  static parse(text) {
    const [, name, id, rest] = /^([^+\s]+)\+([0-9a-f]{8})\+(\S+)$/.exec(text)
    const data = fromBase64(rest)
    const key = new VerifierKey(name, data[0], data.subarray(1))
    if (key.id.toString('hex') !== id) throw new RangeError('the id is not of this key')
    return key
  }

  /** Whether it signed the note: true, or the time of a cosignature in seconds; false if not. */
  signed(note) {
    const mine = note.signatures.filter((line) => line.name === this.name && line.id.equals(this.id))
    if (mine.length === 0) return false
    let result = true
    for (const { data } of mine) {
      let [message, signature] = [note.text, data]
      if (this.kind === COSIGNER) {
        if (data.length !== 72) return false
        result = Number(data.readBigUInt64BE(0))
        signature = data.subarray(8)
        message = `cosignature/v1\ntime ${result}\n${note.text}`
      }
      if (!isSigned(this.publicKey, Buffer.from(message), signature)) return false
    }
    return result
  }
}

/** Text and signature lines. */
export function parseNote(whole) {
  const end = whole.lastIndexOf('\n\n')
  if (end < 0 || !whole.endsWith('\n')) throw new RangeError('no note')
  const lines = whole.slice(end + 2, -1).split('\n')
  const signatures = lines.map((line) => {
    const parts = line.startsWith(DASH) ? line.slice(DASH.length).split(' ') : []
    if (parts.length !== 2) throw new RangeError('no signature line')
    const data = fromBase64(parts[1])
    return { name: parts[0], id: data.subarray(0, 4), data: data.subarray(4) }
  })
  return { text: whole.slice(0, end + 1), signatures }
}

const number = (text) => {
  if (!/^(0|[1-9][0-9]{0,15})$/.test(text)) throw new RangeError('not a number')
  return Number(text)
}

/** A checkpoint: origin, size and root, as claimed. */
export function parseCheckpoint(whole) {
  const note = parseNote(whole)
  const [origin, size, root, end, ...more] = note.text.split('\n')
  if (end !== '' || more.length > 0) throw new RangeError('no checkpoint')
  return { ...note, whole, origin, size: number(size), root: fromBase64(root) }
}

/** A signature line by a key. */
export function signatureLine(key, data) {
  return `${DASH}${key.name} ${base64(Buffer.concat([key.id, data]))}\n`
}

/** A checkpoint, signed by its log. */
export function signCheckpoint(key, signer, size, root) {
  const text = `${key.name}\n${size}\n${base64(root)}\n`
  return `${text}\n${signatureLine(key, signer.sign(Buffer.from(text)))}`
}

/** A witness's signature line over a note's text. */
export function cosign(key, signer, text, seconds) {
  const time = Buffer.alloc(8)
  time.writeBigUInt64BE(BigInt(seconds))
  const signature = signer.sign(Buffer.from(`cosignature/v1\ntime ${seconds}\n${text}`))
  return signatureLine(key, Buffer.concat([time, signature]))
}

const PROOF = 'c2sp.org/tlog-proof@v1'

/** A tlog-proof whose `extra` is the leaf. */
export function writeProof(leaf, index, hashes, checkpoint) {
  const lines = [PROOF, `extra ${base64(leaf)}`, `index ${index}`, ...hashes.map(base64)]
  return `${lines.join('\n')}\n\n${checkpoint}`
}

/** The leaf that a tlog-proof proves under a log's key; null if it does not. */
export function leafOfProof(text, logKey) {
  const end = text.indexOf('\n\n')
  if (end < 0) return null
  const [first, extra, index, ...hashes] = text.slice(0, end).split('\n')
  if (first !== PROOF || !extra?.startsWith('extra ') || !index?.startsWith('index ')) return null
  const leaf = fromBase64(extra.slice(6))
  const checkpoint = parseCheckpoint(text.slice(end + 2))
  if (checkpoint.origin !== logKey.name || !logKey.signed(checkpoint)) return null
  const at = number(index.slice(6))
  const root = rootByInclusion(at, checkpoint.size, leafHash(leaf), hashes.map(fromBase64))
  return root?.equals(checkpoint.root) ? { leaf, index: at, checkpoint } : null
}

/** The body of C2SP's add-checkpoint: what the asker takes for the old size, proof, checkpoint. */
export function parseSubmission(body) {
  const end = body.indexOf('\n\n')
  const [old, ...proof] = body.slice(0, end).split('\n')
  if (end < 0 || !old.startsWith('old ')) throw new RangeError('no submission')
  const checkpoint = parseCheckpoint(body.slice(end + 2))
  return { old: number(old.slice(4)), proof: proof.map(fromBase64), checkpoint }
}
