// Checks every part of tests/vectors/federation-v1.json, and the edges of Ed25519 that the protocol
// refuses. Usage: node vectors.js FILE [FOLDER]

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { decode, encode } from './cbor.js'
import { isSigned, SigningKey, tagged } from './key.js'
import { COSIGNER, fromBase64, leafOfProof, LOG, parseCheckpoint, parseSubmission, VerifierKey } from './note.js'
import { consistencyProof, continues, inclusionProof, leafHash, rootByInclusion, rootOf, sha256 } from './tree.js'
import { readDirectory, readStatement } from './directory.js'
import { readEnvelope, readMessage, writeAccept, writeOffer } from './wire.js'
import { isFork } from './fork.js'
import { judge } from './witness.js'

const hex = (text) => Buffer.from(text, 'hex')
let count = 0

function holds(condition, what) {
  count += 1
  if (!condition) throw new Error(`does not hold: ${what}`)
}

function envelopes(vectors) {
  const before = new Map()
  for (const vector of vectors) {
    const bytes = hex(vector.envelope)
    const envelope = readEnvelope(bytes)
    const { header } = envelope
    for (const name of ['sender', 'recipient', 'generation', 'number']) {
      holds(header[name] === vector[name], `an envelope's ${name}`)
    }
    holds([header.acked.generation, header.acked.number].join() === vector.acked.join(), "what is acked")
    holds(envelope.isSigned(hex(vector.public_key)), "an envelope's signature")
    holds(envelope.body.equals(hex(vector.body)), 'a body')
    holds(header.previous.equals(before.get(header.sender) ?? Buffer.alloc(32)), 'the chain')
    holds(sha256(bytes).equals(hex(vector.hash)), "an envelope's hash")
    holds(['withdraw', 'refuse'].includes(readMessage(envelope.body).kind), 'a message')
    for (const at of [20, bytes.length - 1]) {
      const changed = Buffer.from(bytes)
      changed[at] ^= 1
      let sound = false
      try {
        sound = readEnvelope(changed).isSigned(hex(vector.public_key))
      } catch {
        // Not even an envelope.
      }
      holds(!sound, `a changed byte ${at} is found out`)
    }
    before.set(header.sender, sha256(bytes))
  }
}

function messages(vectors) {
  for (const { name, bytes, transfer, ...said } of vectors) {
    const message = readMessage(hex(bytes))
    holds(message.kind === name && message.transfer.equals(hex(transfer)), 'a message')
    if (name === 'offer') {
      const [[terms, points]] = message.lots
      holds(JSON.stringify(terms[0]) === JSON.stringify(said.origin), "an offer's origin")
      holds(points === said.points && message.left === said.left, 'an offer')
      holds(writeOffer(message).equals(hex(bytes)), 'an offer, written anew')
    } else {
      holds(message.offer.equals(hex(said.offer)) && message.date === said.date, 'an acceptance')
      holds(writeAccept(message.transfer, message.offer, message.date).equals(hex(bytes)), 'it, written anew')
    }
  }
}

function entries(vectors, leaves) {
  for (const vector of vectors) {
    const [shared, salt, priv] = decode(hex(vector.stored))
    const leaf = Buffer.concat([shared, sha256(salt, priv)])
    holds(leaf.equals(hex(vector.leaf)), 'a leaf')
    holds(leafHash(leaf).equals(hex(vector.leaf_hash)), "a leaf's hash")
    holds(leafHash(leaf).equals(leaves[vector.index]), "a leaf's place")
    holds(decode(shared)[1] === vector.index, "an entry's index")
  }
}

function tree(vectors, leaves, log) {
  for (const { note, size, root } of vectors.checkpoints) {
    const checkpoint = parseCheckpoint(note)
    holds(log.signed(checkpoint) && checkpoint.size === size, 'a checkpoint')
    holds(rootOf(leaves.slice(0, size)).equals(hex(root)) && checkpoint.root.equals(hex(root)), 'a root')
  }
  for (const { index, size, hashes, leaf_hash: leaf, root } of vectors.inclusion_proofs) {
    const made = inclusionProof(index, leaves.slice(0, size))
    holds(made.map((hash) => hash.toString('hex')).join() === hashes.join(), 'an inclusion proof, made anew')
    holds(rootByInclusion(index, size, hex(leaf), hashes.map(hex)).equals(hex(root)), 'an inclusion proof')
  }
  for (const vector of vectors.consistency_proofs) {
    const { old_size: old, new_size: size, hashes } = vector
    const made = consistencyProof(old, leaves.slice(0, size))
    holds(made.map((hash) => hash.toString('hex')).join() === hashes.join(), 'a consistency proof, made anew')
    const roots = [hex(vector.old_root), hex(vector.new_root)]
    holds(continues(old, roots[0], size, roots[1], hashes.map(hex)), 'a consistency proof')
  }
}

function check(vectors) {
  for (const { seed, public_key: key, what } of vectors.keys) {
    holds(new SigningKey(hex(seed)).public.equals(hex(key)), `the key ${what}`)
  }
  const leaves = vectors.leaf_hashes.map(hex)
  const log = VerifierKey.parse(vectors.log_key)
  entries(vectors.entries, leaves)
  envelopes(vectors.envelopes)
  messages(vectors.messages)
  tree(vectors, leaves, log)
  const [envelope, proof] = decode(hex(vectors.delivery))
  holds(envelope.equals(hex(vectors.envelopes[0].envelope)) && proof === vectors.receipt, 'a delivery')
  const { leaf } = leafOfProof(vectors.receipt, log)
  holds(leaves.some((hash) => hash.equals(leafHash(leaf))), 'a receipt')
  const broken = [vectors.receipt.replace('index 3', 'index 2'), vectors.receipt.replace('/log/1', '/log/2')]
  holds(broken.every((receipt) => leafOfProof(receipt, log) === null), 'a broken receipt proves nothing')
  const { witness, seen, requests, cosigned, fork } = vectors.witnessing
  const key = VerifierKey.parse(witness)
  holds(key.kind === COSIGNER && log.kind === LOG, 'the kinds of keys')
  for (const { body, status } of requests) {
    holds(judge(parseSubmission(body), log, parseCheckpoint(seen)) === status, `a request of ${status}`)
  }
  const cosignedNote = parseCheckpoint(cosigned.note)
  holds(key.signed(cosignedNote) === cosigned.time && log.signed(cosignedNote), 'a cosignature')
  holds(isFork(fork), 'a fork')
  holds(!isFork(fork.replace('older', 'newer')), 'a broken fork')
  const { directory, signed_statement: signed, root_key: root, content } = vectors.document
  const { statement, signatures, message } = readStatement(hex(signed))
  holds(sha256(hex(directory)).equals(hex(content)) && statement.content.equals(hex(content)), 'a content')
  holds(encode(readDirectory(hex(directory)).value).equals(hex(directory)), 'a directory')
  holds(signatures.length === 1 && signatures[0][0].equals(hex(root)), 'who signed')
  holds(isSigned(signatures[0][0], tagged('jichi/document/v1', message), signatures[0][1]), 'a statement')
  const list = vectors.public_list
  const listed = decode(hex(list.signed_statement))
  const [[town, kind]] = listed[0]
  holds(`${town}-${['shops', 'institutions'][kind]}` === list.list, 'the name of a list')
  holds(isSigned(hex(list.key), tagged('jichi/public-list/v1', encode(listed[0])), listed[1]), 'a list')
  holds(sha256(hex(list.signed_statement)).subarray(0, 8).equals(hex(list.mark)), 'the mark of a list')
}

/** Low order and other encodings are refused, whatever the library says of them. */
function edges(folder) {
  const read = (name) => JSON.parse(readFileSync(join(folder, name), 'utf8'))
  for (const { key, message, signature, seed } of read('rfc8032.json')) {
    holds(isSigned(hex(key), hex(message), hex(signature)), 'a signature of RFC 8032')
    holds(new SigningKey(hex(seed)).sign(hex(message)).equals(hex(signature)), 'it, signed anew')
  }
  const harmless = ['low_order_component_A', 'low_order_component_R']
  for (const { key, msg, sig, flags, number } of read('cctv.json')) {
    const taken = flags.every((flag) => harmless.includes(flag))
    holds(isSigned(hex(key), Buffer.from(msg), hex(sig)) === taken, `edge ${number} of CCTV`)
  }
  const cases = read('speccheck.json')
  const taken = cases.filter((one) => isSigned(hex(one.pub_key), hex(one.message), hex(one.signature)))
  holds(taken.length === 1 && taken[0].signature.startsWith('9046a647'), 'one case of speccheck')
}

const [file, folder] = process.argv.slice(2)
check(JSON.parse(readFileSync(file, 'utf8')))
if (folder) edges(folder)
console.log(`${count} checks hold`)
