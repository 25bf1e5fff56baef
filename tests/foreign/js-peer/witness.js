// Cosigning other towns' checkpoints, and proofs of the own log's consistency: `witness-request`.

import { decode, encode, fields, struct } from './cbor.js'
import { cosign, COSIGNER, LOG, parseSubmission, VerifierKey } from './note.js'
import { continues } from './tree.js'

/** What is answered to a submission, if the log is known and `last` was cosigned last. */
export function judge({ old, proof, checkpoint }, log, last) {
  if (!log.signed(checkpoint)) return 403
  if (old > checkpoint.size) return 400
  if (old !== (last?.size ?? 0)) return 409
  const root = last ? last.root : null
  const sound = root === null ? proof.length === 0 : continues(old, root, checkpoint.size, checkpoint.root, proof)
  return sound ? 200 : 422
}

const refused = (status, last) => encode([1, struct(status, last)])

export class Witness {
  constructor(town, signer, log, members) {
    Object.assign(this, { signer, log, members, seen: new Map() })
    this.key = new VerifierKey(`${town}/witness`, COSIGNER, signer.public)
  }

  reply(bytes) {
    const [kind, content] = fields(decode(bytes), 2)
    if (kind === 0) return this.add(fields(content, 1, 2)[0])
    if (kind === 1) return encode([2, struct(this.seen.get(fields(content, 1)[0])?.whole)])
    if (kind !== 2) throw new RangeError('no such request')
    const [old, size] = fields(content, 2)
    const proved = this.log.prove(old, size)
    return proved ? encode([3, [proved.root, proved.proof]]) : encode([4, []])
  }

  add(body) {
    let submission
    try {
      submission = parseSubmission(body)
    } catch {
      return refused(400)
    }
    const { checkpoint } = submission
    const member = this.members().find((one) => one.origin === checkpoint.origin)
    if (!member) return refused(404)
    const last = this.seen.get(checkpoint.origin)
    const status = judge(submission, new VerifierKey(member.origin, LOG, member.logKey), last)
    if (status !== 200) return refused(status, status === 409 ? (last?.size ?? 0) : null)
    this.seen.set(checkpoint.origin, checkpoint)
    const now = Date.now()
    return encode([0, [cosign(this.key, this.signer, checkpoint.text, Math.floor(now / 1000)), now]])
  }
}
