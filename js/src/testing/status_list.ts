// A status list (draft-ietf-oauth-status-list): a row of bits, in the zlib format (RFC 1950) without compression, so that
// it needs nobody's library.

/** `lst`: a list of `size` bits, those at `places` set, in base64url. */
export function statusBits(size: number, places: readonly number[]): string {
  const bits = new Uint8Array(Math.ceil(size / 8));
  for (const place of places) {
    if (!Number.isInteger(place) || place < 0 || place >= size) throw new RangeError(`there is no place ${place} in a list of ${size}`);
    bits[place >> 3] = (bits[place >> 3] ?? 0) | (1 << (place & 7));
  }
  return base64url(stored(bits));
}

/** RFC 1951 §3.2.4: blocks of at most 65,535 bytes as they are. */
function stored(bytes: Uint8Array): Uint8Array {
  const out = [0x78, 0x01];
  for (let at = 0; at === 0 || at < bytes.length; at += 65_535) {
    const block = bytes.subarray(at, at + 65_535);
    const size = block.length;
    out.push(at + size >= bytes.length ? 1 : 0, size & 255, size >> 8, ~size & 255, (~size >> 8) & 255, ...block);
  }
  let [a, b] = [1, 0];
  for (const byte of bytes) {
    a = (a + byte) % 65_521;
    b = (b + a) % 65_521;
  }
  out.push(b >> 8, b & 255, a >> 8, a & 255);
  return Uint8Array.from(out);
}

export function base64url(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}
