// The Merkle tree of RFC 6962: its root, and proofs of inclusion and of consistency (sections 2.1.1
// to 2.1.3; checking as in RFC 9162).

import { createHash } from 'node:crypto'

export function sha256(...parts) {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest()
}

const LEAF = Buffer.from([0])
const NODE = Buffer.from([1])

export const leafHash = (leaf) => sha256(LEAF, leaf)
const nodeHash = (left, right) => sha256(NODE, left, right)

/** The largest power of two below a size of at least 2. */
function split(size) {
  let half = 1
  while (half * 2 < size) half *= 2
  return half
}

/** The root over leaf hashes. */
export function rootOf(hashes) {
  if (hashes.length === 0) return sha256()
  if (hashes.length === 1) return hashes[0]
  const half = split(hashes.length)
  return nodeHash(rootOf(hashes.slice(0, half)), rootOf(hashes.slice(half)))
}

/** The proof that the leaf at `index` is in the tree. */
export function inclusionProof(index, hashes) {
  if (hashes.length <= 1) return []
  const half = split(hashes.length)
  const [left, right] = [hashes.slice(0, half), hashes.slice(half)]
  return index < half
    ? [...inclusionProof(index, left), rootOf(right)]
    : [...inclusionProof(index - half, right), rootOf(left)]
}

/** The proof that the tree of the first `old` leaves is the beginning of this one. */
export function consistencyProof(old, hashes) {
  return old === 0 || old === hashes.length ? [] : subproof(old, hashes, true)
}

function subproof(old, hashes, whole) {
  if (old === hashes.length) return whole ? [] : [rootOf(hashes)]
  const half = split(hashes.length)
  const [left, right] = [hashes.slice(0, half), hashes.slice(half)]
  return old <= half
    ? [...subproof(old, left, whole), rootOf(right)]
    : [...subproof(old - half, right, false), rootOf(left)]
}

/** The root that a proof of inclusion makes; null if it has a wrong length. */
export function rootByInclusion(index, size, hash, proof) {
  if (index >= size) return null
  let place = BigInt(index)
  let last = BigInt(size) - 1n
  let root = hash
  for (const other of proof) {
    if (last === 0n) return null
    if (place & 1n || place === last) {
      root = nodeHash(other, root)
      while (!(place & 1n) && place !== 0n) [place, last] = [place >> 1n, last >> 1n]
    } else {
      root = nodeHash(root, other)
    }
    ;[place, last] = [place >> 1n, last >> 1n]
  }
  return last === 0n ? root : null
}

/** Whether the newer tree begins with the older one. */
export function continues(old, oldRoot, size, root, proof) {
  if (old > size) return false
  if (old === 0) return proof.length === 0 && oldRoot.equals(sha256())
  if (old === size) return proof.length === 0 && oldRoot.equals(root)
  const hashes = isPowerOfTwo(old) ? [oldRoot, ...proof] : [...proof]
  if (hashes.length === 0) return false
  let place = BigInt(old) - 1n
  let last = BigInt(size) - 1n
  while (place & 1n) [place, last] = [place >> 1n, last >> 1n]
  let first = hashes[0]
  let second = hashes[0]
  for (const hash of hashes.slice(1)) {
    if (last === 0n) return false
    if (place & 1n || place === last) {
      ;[first, second] = [nodeHash(hash, first), nodeHash(hash, second)]
      while (!(place & 1n) && place !== 0n) [place, last] = [place >> 1n, last >> 1n]
    } else {
      second = nodeHash(second, hash)
    }
    ;[place, last] = [place >> 1n, last >> 1n]
  }
  return last === 0n && first.equals(oldRoot) && second.equals(root)
}

const isPowerOfTwo = (size) => (BigInt(size) & (BigInt(size) - 1n)) === 0n
