// A town: one channel with another town, the transfers in it, and residents with points.

import { randomBytes } from 'node:crypto'
import { decode, encode } from './cbor.js'
import { tagged } from './key.js'
import { Log } from './log.js'
import { leafOfProof, LOG, VerifierKey } from './note.js'
import { sha256 } from './tree.js'
import { Fault, MONEY, readDelivery, readMessage, sealEnvelope, today, writeAccept, writeDelivery, writeOffer, writeRefuse, writeReply, ZERO } from './wire.js'

const GENERATION = 1
// Kinds of entries.
const OFFER = 24
const HANDLE_ENVELOPE = 25
const UNKNOWN_RECIPIENT = 1

export class Town {
  constructor(code, keys) {
    Object.assign(this, { code, keys, generation: GENERATION })
    this.log = new Log(code, GENERATION, keys.log)
    this.sent = []
    this.received = []
    this.heard = 0
    this.handles = new Map()
    this.transfers = new Map()
    this.peer = null
    // The first entry of any log is no message.
    this.log.append({ kind: 19, shared: encode([today()]), priv: encode([]) })
  }

  /** This town's seal under an agreement that is given field by field. */
  sealAgreement([low, high, number, movable, cap, from, until]) {
    this.agreement = number
    const bytes = encode([low, high, number, movable, cap, from, until])
    return { key: this.keys.channel.public, signature: this.keys.channel.sign(tagged('jichi/agreement/v1', bytes)) }
  }

  /** Meets the town of the channel: a member of the directory. */
  meet(member) {
    this.peer = member
    this.peerLog = new VerifierKey(member.origin, LOG, member.logKey)
  }

  /** A name under which a resident's account can be offered points. */
  giveHandle() {
    const handle = randomBytes(16)
    this.handles.set(handle.toString('hex'), 0)
    return handle
  }

  /** Drafts the next message of this direction. */
  draft(body, signer = this.keys.channel, recipient = this.peer.party) {
    const number = this.sent.length + 1
    const previous = number === 1 ? ZERO : sha256(this.sent[number - 2].envelope)
    const acked = [this.peer.generation, this.received.length]
    const header = {
      purpose: MONEY, sender: this.code, recipient, generation: GENERATION, number, previous, acked
    }
    return sealEnvelope(signer, header, body)
  }

  /** Sends a message; the entry that holds it is written with it. */
  send(body, entry) {
    const envelope = this.draft(body)
    this.sent.push({ envelope, index: this.log.append({ ...entry, sent: envelope }) })
  }

  offerOf(recipient, points) {
    const transfer = randomBytes(16)
    const terms = [[0, [[0, [1]]]], 1, 1, today(), today() + 365, 0]
    const body = writeOffer({ transfer, handle: recipient, lots: [[terms, points]], agreement: this.agreement, left: today() })
    const entry = {
      kind: OFFER,
      shared: encode([transfer, this.peer.party, points]),
      priv: encode([randomBytes(16), recipient, [0, []], [1, []]])
    }
    return { transfer, body, entry }
  }

  /** Offers points of a resident to an account of the other town. */
  offer(recipient, points) {
    const { transfer, body, entry } = this.offerOf(recipient, points)
    this.transfers.set(transfer.toString('hex'), 'offered')
    this.send(body, entry)
    this.offered = this.sent[this.sent.length - 1]
    return transfer
  }

  /** An offer that has to be refused: by a strange `signature`, for another `recipient`, or with a
   * `receipt` of a strange log. */
  forgery(handle, points, how, stranger) {
    const { body, entry } = this.offerOf(handle, points)
    const signer = how === 'signature' ? stranger : this.keys.channel
    const envelope = this.draft(body, signer, how === 'recipient' ? '242012' : this.peer.party)
    const log = how === 'receipt' ? new Log(this.code, GENERATION, stranger) : this.log
    return writeDelivery(envelope, log.receipt(log.append({ ...entry, sent: envelope })))
  }

  /** The first message, which was heard long ago, as it was. */
  replay() {
    const [{ envelope, index }] = this.sent
    return writeDelivery(envelope, this.log.receipt(index))
  }

  /** The messages that the other side has not heard, each as a delivery. */
  unheard() {
    return this.sent.slice(this.heard, this.heard + 32).map(({ envelope, index }) =>
      writeDelivery(envelope, this.log.receipt(index)))
  }

  /** Takes what a reply says was heard. */
  takeHeard(heard) {
    if (heard === null || heard[0] !== GENERATION) return
    if (heard[1] > this.sent.length) throw new RangeError('heard what was never sent')
    this.heard = Math.max(this.heard, heard[1])
  }

  reply(fault = null) {
    return writeReply(this.peer && this.received.length > 0 ? [this.peer.generation, this.received.length] : null, fault)
  }

  /** Judges a delivery, handles what is new, and gives the reply. */
  receive(bytes, from) {
    let delivery
    try {
      delivery = readDelivery(bytes)
    } catch {
      return writeReply(null, Fault.Malformed)
    }
    const { envelope, proof } = delivery
    const { header } = envelope
    if (!this.peer || from !== header.sender || header.sender !== this.peer.party) {
      return writeReply(null, Fault.NotInDirectory)
    }
    if (this.agreement === undefined) return this.reply(Fault.NoChannel)
    if (header.recipient !== this.code || header.generation !== this.peer.generation) return this.reply(Fault.DoesNotFit)
    if (!envelope.isSigned(this.peer.channelKey)) return this.reply(Fault.NotInDirectory)
    if (!this.isReceipted(envelope, proof)) return this.reply(Fault.NoProof)
    const known = this.received[header.number - 1]
    if (known) return this.reply(known.hash.equals(envelope.hash) ? null : Fault.Frozen)
    // Messages beyond a gap would be handled too; here they wait until the gap is filled.
    if (header.number !== this.received.length + 1) return this.reply(Fault.TryLater)
    const before = this.received.length === 0 ? ZERO : this.received[this.received.length - 1].hash
    if (!header.previous.equals(before)) return this.reply(Fault.Frozen)
    this.received.push(envelope)
    this.handle(envelope)
    return this.reply()
  }

  /** Whether the proof shows an entry of the sender's log that sent this envelope. */
  isReceipted(envelope, proof) {
    try {
      const proved = leafOfProof(proof, this.peerLog)
      if (!proved) return false
      const shared = decode(proved.leaf.subarray(0, -32))
      const [outcome, content] = shared[6]
      return shared[1] === proved.index && outcome === 0 && content[0]?.equals(envelope.hash) === true
    } catch {
      return false
    }
  }

  handle(envelope) {
    const message = readMessage(envelope.body)
    const entry = { kind: HANDLE_ENVELOPE, shared: encode([]), priv: encode([envelope.bytes]) }
    entry.key = [3, [envelope.header.sender, envelope.header.generation, envelope.header.number]]
    if (message.kind === 'other') {
      this.log.append(entry)
      return
    }
    const transfer = message.transfer.toString('hex')
    if (message.kind === 'offer') {
      const handle = message.handle?.toString('hex')
      const held = this.handles.get(handle)
      const known = held !== undefined && message.agreement === this.agreement
      if (known) this.handles.set(handle, held + message.points)
      this.transfers.set(transfer, known ? 'accepted' : 'refused')
      const answer = known
        ? writeAccept(message.transfer, envelope.hash, today())
        : writeRefuse(message.transfer, envelope.hash, UNKNOWN_RECIPIENT)
      this.send(answer, entry)
      return
    }
    this.log.append(entry)
    if (message.kind === 'withdraw' || this.transfers.get(transfer) !== 'offered') return
    if (!message.offer?.equals(sha256(this.offered.envelope))) throw new RangeError('an answer to another offer')
    this.transfers.set(transfer, message.kind === 'accept' ? 'settled' : 'returned')
  }
}
