/** What a call says of itself: at once on standard error, and all of it once more in `log` of the answer, which the director keeps with the task. */
export interface Log {
  /** One line. Never settings, environments, keys or bodies of requests: a director's task log is read by many. */
  readonly say: (line: string) => void;
  readonly text: () => string;
}

export const createLog = (write: (text: string) => void): Log => {
  let text = '';
  return {
    say: (line) => {
      const whole = `${line.replaceAll(/[\r\n]+/g, ' ')}\n`;
      text += whole;
      write(whole);
    },
    text: () => text,
  };
};
