// A town's public list of shops: its statement, and the document behind it.

import * as Automerge from '@automerge/automerge'
import { decode, encode, fields } from './cbor.js'
import { sync } from './directory.js'
import { isSigned, tagged } from './key.js'
import { sha256 } from './tree.js'

const SHOPS = 0
const AHEAD_MS_MAX = 600_000
const DAYS_30 = 30 * 86_400_000

/** Takes a town's list of shops over from a member. `key` is the town's channel key. */
export async function fetchShops(ask, town, key, now = Date.now()) {
  const nothing = sha256(encode([]))
  const [kind, content] = fields(decode(await ask(encode([3, [nothing]]))), 2)
  if (kind !== 4) throw new Error('the node holds no lists')
  const name = [town, SHOPS]
  const held = content[0].find(([list]) => encode(list).equals(encode(name)))
  if (held === undefined) throw new Error('the node does not hold the list')
  const [answered, [signed]] = fields(decode(await ask(encode([4, [name]]))), 2)
  if (answered !== 5) throw new Error('the node has no statement')
  if (!sha256(encode(signed)).subarray(0, 8).equals(held[2])) throw new Error('another statement than its mark')
  const [statement, signature] = fields(signed, 2)
  const [list, version, heads, issued, until] = fields(statement, 5)
  if (!encode(list).equals(encode(name)) || version !== held[1]) throw new Error('another list or version')
  if (!isSigned(key, tagged('jichi/public-list/v1', encode(statement)), signature)) {
    throw new Error('the town has not signed the statement')
  }
  if (until < issued || until - issued > DAYS_30 || until < now || issued > now + AHEAD_MS_MAX) {
    throw new Error('the statement is not valid now')
  }
  const document = await sync(ask, (session, message) => [5, [name, session, message]])
  const found = Automerge.getHeads(document).slice().sort()
  const wanted = heads.map((head) => head.toString('hex')).sort()
  if (found.join() !== wanted.join()) throw new Error('the document has other heads than were signed')
  if (String(document.document) !== 'shops' || String(document.town) !== town) throw new Error('another document')
  const shops = Object.entries(document.shops).map(([number, shop]) => [Number(number), String(shop.name)])
  return { version, shops: shops.sort(([a], [b]) => a - b) }
}
