// The directory: its canonical form, the statement that is signed, and the document behind both.

import * as Automerge from '@automerge/automerge'
import { decode, encode, fields, struct } from './cbor.js'
import { isSigned, tagged } from './key.js'
import { sha256 } from './tree.js'

const VALID_MS_MAX = 30 * 86_400_000

/** Reads a statement with its signatures; whether they count, the root says. */
export function readStatement(bytes) {
  return statementOf(decode(bytes))
}

/** The same of what was read already. */
export function statementOf(value) {
  const [parts, signatures] = fields(value, 2)
  const [document, version, heads, content, issued, validUntil] = fields(parts, 6)
  if (document !== 0) throw new RangeError('no directory')
  signatures.forEach((one) => fields(one, 2))
  return { statement: { version, heads, content, issued, validUntil }, signatures, message: encode(parts) }
}

/** Whether enough of the root keys signed, and now is within its time. */
export function counts({ statement, signatures, message }, root, now = Date.now()) {
  const signers = new Set()
  for (const [key, signature] of signatures) {
    const hex = key.toString('hex')
    const known = root.keys.some((one) => one.equals(key))
    if (known && isSigned(key, tagged('jichi/document/v1', message), signature)) signers.add(hex)
  }
  const { issued, validUntil } = statement
  return signers.size >= root.threshold && issued <= now && now < validUntil && validUntil - issued <= VALID_MS_MAX
}

function member(parts) {
  const [who, , , logKey, generation, channelKey, transport, addresses] = fields(parts, 9, 11)
  const [kind, content] = fields(who, 2)
  const party = kind === 0 ? fields(content, 1)[0] : 'coordinator'
  return { party, logKey, generation, channelKey, transport, addresses, origin: `${party}/log/${generation}` }
}

/** Reads the canonical directory. */
export function readDirectory(bytes) {
  const value = decode(bytes)
  const [version, issued, validUntil, members] = fields(value, 4)
  return { value, version, issued, validUntil, members: members.map(member) }
}

/** The canonical directory that a document says. */
export function canonical(document) {
  const bytes = (value) => Buffer.from(value)
  const plain = (value) => (value instanceof Date ? value.getTime() : Number(value))
  const members = Object.entries(document.members).sort(([a], [b]) => (a < b ? -1 : 1))
  return encode([
    plain(document.version), plain(document.issued), plain(document.valid_until),
    members.map(([party, one]) => struct(
      party === 'coordinator' ? [1, []] : [0, [party]],
      String(one.name_ja), String(one.name_en), bytes(one.log_key), plain(one.generation),
      bytes(one.channel_key), bytes(one.transport), one.addresses.map(String), one.versions.map(plain),
      one.witness_key ? bytes(one.witness_key) : null,
      one.witnesses ? one.witnesses.map(String) : null
    ))
  ])
}

/** Takes the statement and the document over from a member. `ask` sends a document request. */
export async function fetchDirectory(ask, root) {
  const [kind, content] = fields(decode(await ask(encode([0, [0]]))), 2)
  if (kind !== 1) throw new Error('the node has no statement')
  const signed = statementOf(content[0])
  if (!counts(signed, root)) throw new Error('the statement is not signed by the root, or is not valid now')
  const document = await sync(ask)
  const heads = Automerge.getHeads(document).slice().sort()
  const wanted = signed.statement.heads.map((head) => head.toString('hex')).sort()
  if (heads.join() !== wanted.join()) throw new Error('the document has other heads than were signed')
  const bytes = canonical(document)
  if (!sha256(bytes).equals(signed.statement.content)) throw new Error('the document says something else than was signed')
  const directory = readDirectory(bytes)
  const { version, issued, validUntil } = signed.statement
  if (directory.version !== version || directory.issued !== issued || directory.validUntil !== validUntil) {
    throw new Error('document and statement differ')
  }
  return directory
}

const MESSAGES_MAX = 64

const beginDirectory = (session, message) => [1, [0, session, message]]

/** Automerge's own sync protocol, the messages carried in document requests. */
export async function sync(ask, begin = beginDirectory) {
  let document = Automerge.init()
  let state = Automerge.initSyncState()
  const session = Math.floor(Math.random() * 2 ** 48)
  for (let round = 0; round < MESSAGES_MAX; round += 1) {
    const [next, message] = Automerge.generateSyncMessage(document, state)
    state = next
    if (message === null) return document
    const request = round === 0 ? begin(session, message) : [2, [session, message]]
    const [kind, content] = fields(decode(await ask(encode(request))), 2)
    if (kind !== 2) throw new Error(`the node does not sync: ${kind} ${content}`)
    const [answer] = fields(content, 0, 1)
    if (answer !== null) [document, state] = Automerge.receiveSyncMessage(document, state, answer)
  }
  throw new Error('the documents do not come together')
}
