/** One addition needs less than 1 KB; the rest leaves room for batches. */
export const bodyBytesMax = 64 * 1024;

/** Time to send headers and body; a client that dribbles bytes holds a connection no longer. */
export const receiveTimeoutMs = 10_000;

/** A series of 200 bytes, every byte percent-encoded, and then some. */
export const pathParameterCharsMax = 1024;

/** What a client made up is named in errors, up to here. */
const quotedCharsMax = 60;

export function shorten(text: string): string {
  return text.length <= quotedCharsMax ? text : `${text.slice(0, quotedCharsMax)}...`;
}
