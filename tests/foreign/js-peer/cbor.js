// Deterministic CBOR (RFC 8949, section 4.2.1), as far as the formats use it: unsigned integers,
// byte strings, text, arrays and null. Anything else, and any second encoding, is not read.

const UNSIGNED = 0
const BYTES = 2
const TEXT = 3
const ARRAY = 4
const NULL = 0xf6

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function head(kind, value) {
  const big = BigInt(value)
  if (big < 0n || big >= 1n << 64n) throw new RangeError('an integer outside 64 bits')
  if (big < 24n) return Buffer.from([(kind << 5) | Number(big)])
  const sizes = [[24, 1], [25, 2], [26, 4], [27, 8]]
  const [code, length] = sizes.find(([, length]) => big < 1n << BigInt(8 * length))
  const bytes = Buffer.alloc(1 + length)
  bytes[0] = (kind << 5) | code
  for (let at = length, rest = big; at > 0; at -= 1, rest >>= 8n) bytes[at] = Number(rest & 255n)
  return bytes
}

/** The one encoding of a value. */
export function encode(value) {
  if (value === null || value === undefined) return Buffer.from([NULL])
  if (typeof value === 'number' || typeof value === 'bigint') return head(UNSIGNED, value)
  if (typeof value === 'string') {
    const bytes = Buffer.from(value, 'utf8')
    return Buffer.concat([head(TEXT, bytes.length), bytes])
  }
  if (value instanceof Uint8Array) return Buffer.concat([head(BYTES, value.length), value])
  if (Array.isArray(value)) return Buffer.concat([head(ARRAY, value.length), ...value.map(encode)])
  throw new TypeError(`no form for ${typeof value}`)
}

/** Reads one value, and nothing behind it. Numbers above 2^53 come as BigInt. */
export function decode(bytes) {
  const reader = { bytes: Buffer.from(bytes), at: 0 }
  const value = item(reader, 0)
  if (reader.at !== reader.bytes.length) throw new RangeError('bytes behind the value')
  return value
}

function take(reader, length) {
  if (length > reader.bytes.length - reader.at) throw new RangeError('the value is cut off')
  const part = reader.bytes.subarray(reader.at, reader.at + length)
  reader.at += length
  return part
}

function item(reader, depth) {
  if (depth > 16) throw new RangeError('too deep')
  const [first] = take(reader, 1)
  if (first === NULL) return null
  const kind = first >> 5
  const value = argument(reader, first & 31)
  if (kind === UNSIGNED) return value <= Number.MAX_SAFE_INTEGER ? Number(value) : value
  const length = Number(value)
  if (kind === BYTES) return Buffer.from(take(reader, length))
  if (kind === TEXT) return utf8.decode(take(reader, length))
  if (kind !== ARRAY) throw new RangeError('a kind of value that the formats do not use')
  if (length > reader.bytes.length - reader.at) throw new RangeError('the array is cut off')
  return Array.from({ length }, () => item(reader, depth + 1))
}

function argument(reader, code) {
  if (code < 24) return BigInt(code)
  const length = { 24: 1, 25: 2, 26: 4, 27: 8 }[code]
  if (length === undefined) throw new RangeError('no definite length')
  let value = 0n
  for (const byte of take(reader, length)) value = (value << 8n) | BigInt(byte)
  const least = length === 1 ? 24n : 1n << BigInt(4 * length)
  if (value < least) throw new RangeError('not the shortest integer')
  return value
}

/** The fields of a struct: `least` to `most`, absent ones at the end as null. */
export function fields(value, least, most = least) {
  if (!Array.isArray(value) || value.length < least || value.length > most) {
    throw new RangeError('not so many fields')
  }
  if (value.length > 0 && value[value.length - 1] === null) {
    throw new RangeError('an absent field at the end is left out')
  }
  return [...value, ...Array(most - value.length).fill(null)]
}

/** A struct without its absent fields at the end. */
export function struct(...values) {
  while (values.length > 0 && (values[values.length - 1] ?? null) === null) values.pop()
  return values.map((value) => value ?? null)
}
