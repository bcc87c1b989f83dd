import { expect, it } from "vitest";

import { claimDevice } from "./device";
import type { Memory } from "./storage";

class TabMemory implements Memory {
  constructor(private readonly kept = new Map<string, string>()) {}

  read(key: string): string | null {
    return this.kept.get(key) ?? null;
  }

  write(key: string, value: string | null): void {
    if (value === null) this.kept.delete(key);
    else this.kept.set(key, value);
  }

  duplicated(): TabMemory {
    return new TabMemory(new Map(this.kept));
  }
}

it("is the same device after a reload", () => {
  const [memory, page] = [new TabMemory(), new EventTarget()];
  const name = claimDevice(memory, page);
  page.dispatchEvent(new Event("pagehide"));
  expect(claimDevice(memory, new EventTarget())).toBe(name);
});

it("is another device in a duplicated tab", () => {
  const memory = new TabMemory();
  const name = claimDevice(memory, new EventTarget());
  expect(claimDevice(memory.duplicated(), new EventTarget())).not.toBe(name);
});

it("is another device in a tab duplicated after coming back by the back button", () => {
  const [memory, page] = [new TabMemory(), new EventTarget()];
  const name = claimDevice(memory, page);
  page.dispatchEvent(new Event("pagehide"));
  page.dispatchEvent(new Event("pageshow"));
  expect(claimDevice(memory.duplicated(), new EventTarget())).not.toBe(name);
});
