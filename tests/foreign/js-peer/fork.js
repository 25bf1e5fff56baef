// A file that proves that a log has two histories.

import { fromBase64, parseCheckpoint, VerifierKey } from './note.js'
import { continues } from './tree.js'

/** Whether the file proves it. */
export function isFork(text) {
  const lines = text.split('\n')
  if (lines[0] !== 'jichi/log-fork@v1' || !lines[1]?.startsWith('log ') || !lines[2]?.startsWith('root ')) {
    return false
  }
  const log = VerifierKey.parse(lines[1].slice(4))
  const root = fromBase64(lines[2].slice(5))
  let at = 3
  const block = (word) => {
    const found = new RegExp(`^${word} ([0-9]+)$`).exec(lines[at] ?? '')
    if (!found) return null
    const part = lines.slice(at + 1, at + 1 + Number(found[1]))
    at += 1 + part.length
    return part
  }
  const [proof, older, newer] = [block('proof'), block('older'), block('newer')]
  if (!proof || !older || !newer || lines.slice(at).join('') !== '') return false
  const [first, second] = [older, newer].map((part) => parseCheckpoint(`${part.join('\n')}\n`))
  return log.signed(first) !== false && log.signed(second) !== false &&
    first.origin === log.name && second.origin === log.name &&
    continues(first.size, root, second.size, second.root, proof.map(fromBase64)) &&
    !root.equals(first.root)
}
