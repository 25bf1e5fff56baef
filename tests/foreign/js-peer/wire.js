// Envelopes, deliveries and messages about money, as formats.cddl has them.

import { decode, encode, fields, struct } from './cbor.js'
import { isSigned, tagged } from './key.js'
import { sha256 } from './tree.js'

const ENVELOPE_BYTES_MAX = 65_536
const ENVELOPE = 'jichi/envelope/v1'
export const MONEY = 0
export const ZERO = Buffer.alloc(32)

/** The faults of a delivery. */
export const Fault = { Malformed: 0, NotInDirectory: 1, NoProof: 2, NoChannel: 3, Frozen: 4, DoesNotFit: 5, TryLater: 6 }

function need(condition, what) {
  if (!condition) throw new RangeError(what)
}

const isBytes = (value, length) => value instanceof Uint8Array && value.length === length
const isUint = (value, most = Number.MAX_SAFE_INTEGER) => Number.isInteger(value) && value <= most
export const isTown = (value) => typeof value === 'string' && /^[0-9]{6}$/.test(value)

/** Reads an envelope; whether it is signed, the key says. */
export function readEnvelope(bytes) {
  need(bytes.length <= ENVELOPE_BYTES_MAX, 'too long')
  const [parts, body, signature] = fields(decode(bytes), 3)
  const [version, purpose, sender, recipient, generation, number, previous, acked, hash] = fields(parts, 9)
  need(version === 1 && isUint(purpose, 3), 'the version or the purpose')
  need(isTown(sender) && isTown(recipient), 'the towns')
  need(isUint(generation, 0xffffffff) && isUint(number) && number >= 1, 'the number')
  need(isBytes(previous, 32) && isBytes(hash, 32) && isBytes(signature, 64), 'a hash or the signature')
  const [ackedGeneration, ackedNumber] = fields(acked, 2)
  need(isUint(ackedGeneration, 0xffffffff) && isUint(ackedNumber), 'what is acked')
  need(body instanceof Uint8Array && sha256(body).equals(hash), 'the body')
  const header = {
    purpose, sender, recipient, generation, number, previous,
    acked: { generation: ackedGeneration, number: ackedNumber }
  }
  return {
    header, body, bytes,
    hash: sha256(bytes),
    isSigned: (key) => isSigned(key, tagged(ENVELOPE, encode(parts)), signature)
  }
}

/** Signs an envelope. */
export function sealEnvelope(signer, header, body) {
  const { purpose, sender, recipient, generation, number, previous, acked } = header
  const parts = [1, purpose, sender, recipient, generation, number, previous, acked, sha256(body)]
  return encode([parts, body, signer.sign(tagged(ENVELOPE, encode(parts)))])
}

/** A delivery's envelope and the proof beside it. */
export function readDelivery(bytes) {
  const [envelope, proof] = fields(decode(bytes), 2)
  need(envelope instanceof Uint8Array && typeof proof === 'string', 'a delivery')
  return { envelope: readEnvelope(envelope), proof }
}

export const writeDelivery = (envelope, proof) => encode([envelope, proof])

/** What the other side has heard, its fault, and what its clock says. */
export function readReply(bytes) {
  const [heard, fault, now] = fields(decode(bytes), 0, 3)
  if (heard !== null) fields(heard, 2)
  return { heard, fault, now }
}

export const writeReply = (heard, fault) => encode(struct(heard, fault, Date.now()))

/** A message about money; one of a kind that this town does not speak is only kept. */
export function readMessage(bytes) {
  const [number, [content]] = fields(decode(bytes), 2)
  if (number === 0) {
    const [transfer, recipient, lots, agreement, left] = fields(content, 5)
    need(isBytes(transfer, 16), 'the transfer')
    const [whom, [named]] = fields(recipient, 2)
    need(whom === 1 ? isUint(named, 0xffffffff) : whom <= 2 && isBytes(named, 16), 'the recipient')
    need(Array.isArray(lots) && lots.length >= 1 && lots.length <= 128, 'the lots')
    for (const lot of lots) {
      const [terms, points] = fields(lot, 2)
      fields(terms, 6)
      need(isUint(points) && points > 0, 'the points')
    }
    need(isUint(agreement, 0xffffffff) && isUint(left), 'the agreement or the day')
    const points = lots.reduce((sum, [, points]) => sum + points, 0)
    // Of an account's handle only: this town has no shops, and takes nobody's whole account over.
    const handle = whom === 0 ? named : null
    return { kind: 'offer', transfer, handle, lots, points, agreement, left }
  }
  if (number === 1) {
    const [transfer, offer, answer] = fields(content, 3)
    const [verdict, [value]] = fields(answer, 2)
    need(isBytes(transfer, 16) && (offer === null || isBytes(offer, 32)), 'the offer')
    need((verdict === 0 || verdict === 1) && isUint(value), 'the answer')
    return verdict === 0
      ? { kind: 'accept', transfer, offer, date: value }
      : { kind: 'refuse', transfer, offer, reason: value }
  }
  if (number !== 2) return { kind: 'other' }
  const [transfer, offer] = fields(content, 2)
  return { kind: 'withdraw', transfer, offer }
}

export const writeOffer = (offer) =>
  encode([0, [[offer.transfer, [0, [offer.handle]], offer.lots, offer.agreement, offer.left]]])
export const writeAccept = (transfer, offer, date) => encode([1, [[transfer, offer, [0, [date]]]]])
export const writeRefuse = (transfer, offer, reason) => encode([1, [[transfer, offer, [1, [reason]]]]])

/** The day in Japan. */
export const today = () => Math.floor((Date.now() + 9 * 3_600_000) / 86_400_000)
