import { expect, it } from "vitest";

import type { Memory } from "./storage";
import { Tab } from "./tab";

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
  const name = new Tab(memory, page).device;
  page.dispatchEvent(new Event("pagehide"));
  expect(new Tab(memory, new EventTarget()).device).toBe(name);
});

it("is another device in a duplicated tab", () => {
  const memory = new TabMemory();
  const name = new Tab(memory, new EventTarget()).device;
  expect(new Tab(memory.duplicated(), new EventTarget()).device).not.toBe(name);
});

it("is another device in a tab duplicated after coming back by the back button", () => {
  const [memory, page] = [new TabMemory(), new EventTarget()];
  const name = new Tab(memory, page).device;
  page.dispatchEvent(new Event("pagehide"));
  page.dispatchEvent(new Event("pageshow"));
  expect(new Tab(memory.duplicated(), new EventTarget()).device).not.toBe(name);
});

it("goes on listening after a reload, and only there", () => {
  const [memory, page] = [new TabMemory(), new EventTarget()];
  const tab = new Tab(memory, page);
  tab.listening = "late-night";
  expect(new Tab(memory.duplicated(), new EventTarget()).listening).toBeNull();
  page.dispatchEvent(new Event("pagehide"));
  expect(new Tab(memory, new EventTarget()).listening).toBe("late-night");
});
