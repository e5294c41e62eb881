/** Maximum number of bytes of a request body. One addition needs less than 1 KB. */
export const bodyBytesMax = 64 * 1024;

/** Maximum time to receive headers and body, so that a slow client cannot hold a connection. */
export const receiveTimeoutMs = 10_000;

/** Maximum number of characters of a path parameter. A series of 200 bytes has at most 600 when percent-encoded. */
export const pathParameterCharsMax = 1024;

/** Maximum number of characters of the client's input that an error message quotes, so that it stays readable. */
const quotedCharsMax = 60;

export function shorten(text: string): string {
  return text.length <= quotedCharsMax ? text : `${text.slice(0, quotedCharsMax)}...`;
}
