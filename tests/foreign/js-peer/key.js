// Ed25519 (RFC 8032) with the project's tags, by node:crypto.

import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto'

const PRIVATE = Buffer.from('302e020100300506032b657004220420', 'hex')
const PUBLIC = Buffer.from('302a300506032b6570032100', 'hex')

// Encodings of points whose order divides 8, the ones that are not canonical among them.
const LOW_ORDER = new Set([
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f'
])

/** A key pair of a seed of 32 bytes. */
export class SigningKey {
  constructor(seed) {
    this.key = createPrivateKey({ key: Buffer.concat([PRIVATE, seed]), format: 'der', type: 'pkcs8' })
    const spki = createPublicKey(this.key).export({ format: 'der', type: 'spki' })
    this.public = Buffer.from(spki.subarray(PUBLIC.length))
  }

  sign(bytes) {
    return sign(null, bytes, this.key)
  }
}

function isSound(point) {
  const plain = Buffer.from(point)
  plain[31] &= 0x7f
  // y below 2^255 - 19
  const canonical = plain[0] < 0xed || plain[31] !== 0x7f || !plain.subarray(1, 31).every((byte) => byte === 0xff)
  return canonical && !LOW_ORDER.has(plain.toString('hex'))
}

/** Whether a signature is one of these bytes by this key. */
export function isSigned(publicKey, bytes, signature) {
  if (publicKey.length !== 32 || signature.length !== 64) return false
  if (!isSound(publicKey) || !isSound(signature.subarray(0, 32))) return false
  const key = createPublicKey({ key: Buffer.concat([PUBLIC, publicKey]), format: 'der', type: 'spki' })
  return verify(null, bytes, key, signature)
}

/** What is signed under a tag. */
export const tagged = (tag, bytes) => Buffer.concat([Buffer.from(`${tag}\0`, 'ascii'), bytes])
