import type { Kubectl } from '#lab/up/kubectl.ts';

/** One expected kubectl call: its arguments begin so, and this is what it prints; an Error is thrown. */
export interface ExpectedKubectl {
  readonly args: readonly string[];
  readonly answer: string | Error;
}

/** A stand-in for kubectl that refuses every call that was not expected at its place. */
export function createFakeKubectl(script: readonly ExpectedKubectl[]): Kubectl & {
  /** What was piped into each call. */
  readonly inputs: readonly string[];
  assertDone(): void;
} {
  const inputs: string[] = [];
  let at = 0;
  return {
    inputs,
    async run(args, { input = '' } = {}) {
      const expected = script[at++];
      const matches = expected?.args.every((arg, index) => args[index] === arg) === true;
      if (expected === undefined || !matches) throw new Error(`unexpected call ${at}: kubectl ${args.join(' ')}`);
      inputs.push(input);
      if (expected.answer instanceof Error) throw expected.answer;
      return expected.answer;
    },
    assertDone() {
      if (at < script.length) throw new Error(`${script.length - at} expected calls did not come`);
    },
  };
}
