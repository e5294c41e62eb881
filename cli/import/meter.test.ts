import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { startMeter } from './meter.ts';

const hideCursor = '\x1b[?25l';
const showCursor = '\x1b[?25h';
const clearLine = '\x1b[2K';

/** Starts a meter, on a terminal or not. The test controls its clock and the progress of its input. */
function startTestMeter(t: TestContext, options: { isTTY: boolean; size: number | undefined }) {
  t.mock.timers.enable({ apis: ['setInterval', 'setTimeout', 'Date'] });
  const state = { text: '', bytes: 0, rows: 0, rejected: 0, now: 0 };
  const meter = startMeter({
    stderr: { isTTY: options.isTTY, columns: 100, write: (text) => (state.text += text) },
    now: () => state.now,
    size: options.size,
    bytes: () => state.bytes,
    counts: () => ({ ...state, accepted: 0, replayed: 0, unanswered: 0, retries: 0 }),
  });
  return {
    meter,
    /** Returns the text written while the input and the time move on. */
    after(ms: number, change: Partial<typeof state> = {}): string {
      Object.assign(state, change, { text: '', now: state.now + ms });
      t.mock.timers.tick(ms);
      return state.text;
    },
    text: () => state.text,
  };
}

test('on a terminal a bar shows the share of the bytes, the rows and the rejected rows', (t) => {
  const { meter, after, text } = startTestMeter(t, { isTTY: true, size: 1000 });
  assert.ok(text().includes(hideCursor));
  assert.match(text(), /░{20,} 0 % {2}0 rows, 0 rejected/);
  assert.match(after(1000, { bytes: 500, rows: 40, rejected: 2 }), /█+░+ 50 % {2}40 rows, 2 rejected/);
  after(0);
  meter.stop();
});

test('the bar ends with the last numbers, its line is cleared and the cursor comes back', (t) => {
  const { meter, after, text } = startTestMeter(t, { isTTY: true, size: 1000 });
  after(0, { bytes: 1000, rows: 80 });
  meter.stop();
  assert.match(text(), /█+ 100 % {2}80 rows, 0 rejected/);
  assert.ok(text().includes(showCursor));
  assert.ok(text().lastIndexOf(clearLine) > text().lastIndexOf('80 rows'), 'the summary begins on an empty line');
  assert.equal(after(10_000), '', 'nothing is drawn over the summary');
});

test('a note replaces the bar, and the bar is drawn again below the note', (t) => {
  const { meter, after, text } = startTestMeter(t, { isTTY: true, size: 1000 });
  after(0);
  meter.note('waiting: Kafka is unavailable');
  assert.equal(text(), `\r${clearLine}waiting: Kafka is unavailable\n`);
  assert.match(after(1000, { rows: 7 }), /7 rows/);
  meter.stop();
});

test('a pipe has no length: rows are counted, and no share is shown', (t) => {
  const { meter, after } = startTestMeter(t, { isTTY: true, size: undefined });
  const drawn = after(1000, { bytes: 500, rows: 40 });
  assert.match(drawn, /40 rows, 0 rejected/);
  assert.doesNotMatch(drawn, /%|█|░/);
  meter.stop();
});

test('the bar of an empty file ends', (t) => {
  const { meter, text } = startTestMeter(t, { isTTY: true, size: 0 });
  meter.stop();
  assert.match(text(), /0 rows/);
});

test('without a terminal a line comes every five seconds, with share and speed, and no escape sequence', (t) => {
  const { meter, after } = startTestMeter(t, { isTTY: false, size: 1000 });
  assert.equal(after(4_000, { bytes: 100, rows: 10 }), '');
  assert.equal(after(1_000, { bytes: 500, rows: 40, rejected: 2 }), '50 %, 40 rows (8/s, 2 rejected)\n');
  meter.stop();
  assert.equal(after(10_000), '');
});

test('with a pipe as input the line has no share', (t) => {
  const { meter, after } = startTestMeter(t, { isTTY: false, size: undefined });
  assert.equal(after(5_000, { bytes: 500, rows: 40 }), '40 rows (8/s)\n');
  meter.stop();
});
