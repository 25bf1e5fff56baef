// A town that a test drives: one command a line on standard input, one answer a line.
// Usage: node peer.js CODE PORT. Bytes are hexadecimal.

import { randomBytes } from 'node:crypto'
import { createInterface } from 'node:readline'
import { fetchDirectory } from './directory.js'
import { SigningKey } from './key.js'
import { fetchShops } from './list.js'
import { Net, Protocol } from './net.js'
import { reply as standing } from './standing.js'
import { Town } from './town.js'
import { encode } from './cbor.js'
import { readReply } from './wire.js'
import { Witness } from './witness.js'

const [code, port] = process.argv.slice(2)
const seeds = { log: randomBytes(32), channel: randomBytes(32), witness: randomBytes(32), transport: randomBytes(32) }
const key = (name) => new SigningKey(seeds[name])
const town = new Town(code, { log: key('log'), channel: key('channel') })
const others = () => directory.members.filter((member) => member.party !== code)
const witness = new Witness(code, key('witness'), town.log, others)

let directory = { members: [] }
let firstPeer = Buffer.alloc(0)
let gone = false
let stood = 0

const partyOf = (id) => others().find((member) => member.transport.equals(id))?.party

const net = await Net.open(
  seeds.transport,
  `/ip4/127.0.0.1/tcp/${port}`,
  (id) => id.equals(firstPeer) || partyOf(id) !== undefined,
  {
    [Protocol.Envelope]: (bytes, id) => town.receive(bytes, partyOf(id)),
    [Protocol.Witness]: (bytes) => witness.reply(bytes),
    [Protocol.Standing]: (bytes, id) => {
      if (partyOf(id) !== town.peer?.party) throw new RangeError('no channel')
      stood += 1
      return standing(bytes, town, witness.seen.get(town.peer.origin))
    },
    // It has no documents for others.
    [Protocol.Document]: () => encode([0, []])
  }
)

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const deliver = async (delivery) => readReply(await net.ask(town.peer.addresses[0], Protocol.Envelope, delivery))

/** Sends what was not heard until it is: after one second first, later once a minute. */
async function courier() {
  let wait = 1_000
  while (!gone) {
    const waiting = town.peer ? town.unheard() : []
    for (const delivery of waiting) {
      try {
        const { heard, fault } = await deliver(delivery)
        town.takeHeard(heard)
        if (fault !== null) console.error(`the delivery has the fault ${fault}`)
        else wait = 1_000
      } catch (error) {
        console.error(`${error.name}: ${error.message}`)
      }
    }
    const left = town.peer ? town.unheard().length : 0
    if (left === 0) wait = 1_000
    await pause(left === 0 ? 50 : wait)
    if (left > 0) wait = Math.min(wait * 2, 60_000)
  }
}

const hex = (bytes) => Buffer.from(bytes).toString('hex')
const bytes = (text) => Buffer.from(text, 'hex')

const commands = {
  /** The public halves of its keys, for the directory. */
  keys: () => ({
    log: hex(key('log').public), channel: hex(key('channel').public), witness: hex(key('witness').public),
    transport: hex(net.id)
  }),
  /** Takes the directory over from a node of which address and peer id are known. */
  directory: async ({ address, transport, root, threshold, peer }) => {
    firstPeer = bytes(transport)
    const ask = (request) => net.ask(address, Protocol.Document, request)
    directory = await fetchDirectory(ask, { keys: root.map(bytes), threshold })
    firstPeer = Buffer.alloc(0)
    town.meet(directory.members.find((member) => member.party === peer))
    return { version: directory.version, members: directory.members.map((member) => member.party) }
  },
  /** Takes a town's list of shops over from that town, and checks that it signed it. */
  shops: async ({ of, forged }) => {
    const member = directory.members.find((member) => member.party === of)
    const ask = (request) => net.ask(member.addresses[0], Protocol.Document, request)
    return fetchShops(ask, of, forged ? key('channel').public : member.channelKey)
  },
  /** Signs an agreement. */
  seal: ({ terms: { low, high, number, movable, cap, from, until } }) => {
    const day = (date) => Date.parse(date) / 86_400_000
    const everything = movable === 'everything' ? 1 : 0
    const { key, signature } = town.sealAgreement([low, high, number, everything, cap, day(from), day(until)])
    return { key: hex(key), signature: hex(signature) }
  },
  handle: () => ({ handle: hex(town.giveHandle()) }),
  offer: ({ handle, points }) => ({ transfer: hex(town.offer(bytes(handle), points)) }),
  /** What is known of a transfer; `points` are those that came for the handle. */
  transfer: ({ transfer, handle }) => ({
    state: town.transfers.get(transfer) ?? null, points: town.handles.get(handle) ?? null
  }),
  /** Delivers the next offer wrongly: signed by a stranger, for another town, or with a receipt of
   * another log. */
  forge: async ({ handle, points, how }) => deliver(town.forgery(bytes(handle), points, how, key('witness'))),
  /** Delivers again what was heard long ago. */
  replay: async () => deliver(town.replay()),
  /** Delivers the same by a transport key that the directory does not name; whether it was taken. */
  stranger: async () => {
    const unknown = await Net.open(randomBytes(32), '/ip4/127.0.0.1/tcp/0', () => true, {})
    try {
      await unknown.ask(town.peer.addresses[0], Protocol.Envelope, town.replay())
      return { taken: true }
    } catch {
      return { taken: false }
    } finally {
      await unknown.close()
    }
  },
  /** How many messages the other side has heard, whom it has witnessed up to which size, and how
   * often it was asked what it holds of the other town. */
  state: () => ({
    sent: town.sent.length, heard: town.heard, received: town.received.length, stood,
    witnessed: Object.fromEntries([...witness.seen].map(([origin, { size }]) => [origin, size]))
  })
}

const posting = courier()
for await (const line of createInterface({ input: process.stdin })) {
  let answer
  try {
    const { do: name, ...rest } = JSON.parse(line)
    answer = await commands[name](rest)
  } catch (error) {
    answer = { error: `${error.name}: ${error.message}` }
  }
  console.log(JSON.stringify(answer))
}
gone = true
await posting
await net.close()
