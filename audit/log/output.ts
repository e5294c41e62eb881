/** A buffer for unpacked bytes. It grows up to a limit and can repeat earlier bytes, as LZ77 codecs need. */
export class Output {
  readonly #bytesMax: number;
  #buffer = Buffer.allocUnsafe(64 * 1024);
  length = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  append(source: Buffer, from: number, count: number): void {
    if (from + count > source.length) throw new Error('the data ends too early');
    this.#reserve(count);
    source.copy(this.#buffer, this.length, from, from + count);
    this.length += count;
  }

  /**
   * Appends `count` bytes that begin `distance` bytes back. Source and target may overlap. Throws if the source begins
   * before `floor`.
   */
  repeat(distance: number, count: number, floor: number): void {
    const from = this.length - distance;
    if (distance < 1 || from < floor) throw new Error('the data refers to bytes before its start');
    this.#reserve(count);
    for (let index = 0; index < count; index++) {
      this.#buffer[this.length + index] = this.#buffer[from + index] ?? 0;
    }
    this.length += count;
  }

  take(): Buffer {
    return this.#buffer.subarray(0, this.length);
  }

  #reserve(count: number): void {
    const wanted = this.length + count;
    if (wanted > this.#bytesMax) throw new Error(`the data unpacks to more than ${this.#bytesMax} bytes`);
    if (wanted <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafe(Math.min(this.#bytesMax, Math.max(wanted, this.#buffer.length * 2)));
    this.#buffer.copy(grown, 0, 0, this.length);
    this.#buffer = grown;
  }
}
