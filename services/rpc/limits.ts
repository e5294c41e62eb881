/** One addition needs less than 1 KB; the rest leaves room for batches. */
export const bodyBytesMax = 64 * 1024;

/** Time limit for receiving headers and body, so that a slow client cannot hold a connection longer. */
export const receiveTimeoutMs = 10_000;

/** Enough for a series of 200 bytes with every byte percent-encoded (600 characters). */
export const pathParameterCharsMax = 1024;

/** Maximum characters of client input that errors quote. */
const quotedCharsMax = 60;

export function shorten(text: string): string {
  return text.length <= quotedCharsMax ? text : `${text.slice(0, quotedCharsMax)}...`;
}
