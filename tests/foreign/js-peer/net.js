// Requests and replies over libp2p: TCP, Noise, Yamux, and four bytes of length before each message.

import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { tcp } from '@libp2p/tcp'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'

// A library calls it, and Node.js 20 has it not.
Promise.withResolvers ??= function () {
  let resolve, reject
  const promise = new this((yes, no) => ([resolve, reject] = [yes, no]))
  return { promise, resolve, reject }
}

const MESSAGE_BYTES_MAX = 131_072
const REQUEST_MS_MAX = 10_000

export const Protocol = {
  Envelope: '/jichi/envelope/1',
  Document: '/jichi/document/1',
  Standing: '/jichi/standing/1',
  Witness: '/jichi/witness/1'
}

/** The peer id of a connection, as the directory has it. */
export const idOf = (peerId) => Buffer.from(peerId.toMultihash().bytes)

function frame(bytes) {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(bytes.length)
  return Buffer.concat([length, bytes])
}

async function readFrame(source) {
  let bytes = Buffer.alloc(0)
  for await (const part of source) {
    bytes = Buffer.concat([bytes, part.subarray()])
    if (bytes.length < 4) continue
    const length = bytes.readUInt32BE()
    if (length > MESSAGE_BYTES_MAX) throw new RangeError('too long')
    if (bytes.length >= 4 + length) return bytes.subarray(4, 4 + length)
  }
  throw new Error('ask again')
}

async function* one(bytes) {
  yield frame(bytes)
}

export class Net {
  /** `isMember` says whether a peer id may connect; `handlers` answer by protocol. */
  static async open(seed, listen, isMember, handlers) {
    const refuse = (peerId) => !isMember(idOf(peerId))
    const node = await createLibp2p({
      privateKey: await generateKeyPairFromSeed('Ed25519', seed),
      addresses: { listen: [listen] },
      transports: [tcp()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
      connectionGater: {
        denyDialMultiaddr: () => false,
        denyInboundEncryptedConnection: refuse,
        denyOutboundEncryptedConnection: refuse
      }
    })
    const net = new Net(node)
    for (const [protocol, handler] of Object.entries(handlers)) {
      await node.handle(protocol, ({ stream, connection }) => net.answer(stream, connection, handler))
    }
    return net
  }

  constructor(node) {
    this.node = node
  }

  get id() {
    return idOf(this.node.peerId)
  }

  async answer(stream, connection, handler) {
    try {
      const request = await readFrame(stream.source)
      const reply = await handler(request, idOf(connection.remotePeer))
      await stream.sink(one(reply))
      await stream.close()
    } catch (error) {
      // Closed without a reply: the peer asks again.
      stream.abort(error)
    }
  }

  /** Asks a node at one of its addresses. */
  async ask(address, protocol, request) {
    const signal = AbortSignal.timeout(REQUEST_MS_MAX)
    const stream = await this.node.dialProtocol(multiaddr(address), protocol, { signal })
    try {
      await stream.sink(one(request))
      await stream.closeWrite()
      return await readFrame(stream.source)
    } finally {
      await stream.close().catch(() => {})
    }
  }

  close() {
    return this.node.stop()
  }
}
