/**
 * Lets clusters rest until nobody can be looking at them: reads enter and leave, and what is to happen after all reads that have begun so far
 * waits for those, not for later ones.
 */
export class Grace {
  private current = 0;
  private oldest = 0;
  private readonly counts: number[] = [0];
  private readonly waiting: { after: number; run: () => void }[] = [];

  enter(): number {
    this.counts[this.current - this.oldest] = (this.counts[this.current - this.oldest] as number) + 1;
    return this.current;
  }

  leave(ticket: number): void {
    this.counts[ticket - this.oldest] = (this.counts[ticket - this.oldest] as number) - 1;
    if (ticket === this.oldest && ticket < this.current) this.settle();
  }

  /** Runs this when all that entered before have left, which may be now. */
  afterReads(run: () => void): void {
    this.waiting.push({ after: this.current, run });
    this.current += 1;
    this.counts.push(0);
    this.settle();
  }

  private settle(): void {
    while (this.oldest < this.current && this.counts[0] === 0) {
      this.counts.shift();
      this.oldest += 1;
    }
    while (this.waiting[0] !== undefined && this.waiting[0].after < this.oldest) this.waiting.shift()?.run();
  }
}
