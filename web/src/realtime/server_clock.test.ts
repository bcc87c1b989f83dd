import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ServerClock } from "./server_clock";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** How many times a clock has asked after `ms` when answers take `rttMs`. */
async function asked(ms: number, rttMs: number): Promise<number> {
  let times = 0;
  const clock = new ServerClock(
    async (t1) => {
      times += 1;
      await new Promise((resolve) => setTimeout(resolve, rttMs));
      return { t1, t2: t1 + rttMs / 2, t3: t1 + rttMs / 2, err_ms: 0 };
    },
    () => undefined,
  );
  clock.burst();
  await vi.advanceTimersByTimeAsync(ms);
  clock.stop();
  return times;
}

test("asks six times at once, which is enough on a quick line", async () => {
  expect(await asked(10_000, 2)).toBe(6);
});

test("asks a few times more where the answers were slow, and then no more than others", async () => {
  expect(await asked(10_000, 40)).toBe(10);
});
