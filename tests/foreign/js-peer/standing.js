// What this town holds of the other one: `standing-request`.

import { decode, encode, fields, struct } from './cbor.js'
import { writeDelivery } from './wire.js'

const PAGE_MAX = 64
const PAGE_BYTES_MAX = 100_000

/** As many as fit into a reply. */
function page(all) {
  let bytes = 0
  return all.slice(0, PAGE_MAX).filter((one) => (bytes += one.length) <= PAGE_BYTES_MAX)
}

/** Answers the town of the channel. */
export function reply(bytes, town, cosigned) {
  const [kind, content] = fields(decode(bytes), 2)
  if (kind === 0) {
    fields(content, 0)
    const last = town.received[town.received.length - 1]
    return encode([0, struct(cosigned?.whole, last?.bytes)])
  }
  const [generation, number] = fields(fields(content, 1)[0], 2)
  const from = Math.max(number, 1) - 1
  if (kind === 1) {
    const taken = generation === town.peer.generation ? town.received.slice(from) : []
    return encode([1, [page(taken.map((envelope) => envelope.bytes))]])
  }
  if (kind !== 2) throw new RangeError('no such request')
  const sent = generation === town.generation ? town.sent.slice(from) : []
  const deliveries = sent.map(({ envelope, index }) => writeDelivery(envelope, town.log.receipt(index)))
  return encode([2, [page(deliveries).map(decode)]])
}
