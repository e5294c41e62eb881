import type { Kubectl } from '#lab/up/kubectl.ts';

/** One expected kubectl call: its first arguments, and its output or the Error that it throws. */
export interface ExpectedKubectl {
  readonly args: readonly string[];
  readonly answer: string | Error;
}

/** Makes a stand-in for kubectl. It accepts only the expected calls, in order. */
export function createFakeKubectl(script: readonly ExpectedKubectl[]): Kubectl & {
  /** The standard input of each call. */
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
      if (at < script.length) throw new Error(`${script.length - at} expected calls are missing`);
    },
  };
}
