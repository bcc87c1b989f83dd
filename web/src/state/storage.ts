/** What this browser remembers; private windows and full disks get a memory that lasts as long as the page. */

export interface Memory {
  read(key: string): string | null;
  write(key: string, value: string | null): void;
}

const PREFIX = "whatssound.";

class Remembered implements Memory {
  private readonly fallback = new Map<string, string>();

  constructor(private readonly storage: () => Storage) {}

  read(key: string): string | null {
    try {
      return this.storage().getItem(PREFIX + key) ?? this.fallback.get(key) ?? null;
    } catch {
      return this.fallback.get(key) ?? null;
    }
  }

  write(key: string, value: string | null): void {
    if (value === null) this.fallback.delete(key);
    else this.fallback.set(key, value);
    try {
      if (value === null) this.storage().removeItem(PREFIX + key);
      else this.storage().setItem(PREFIX + key, value);
    } catch {
      // The fallback has it.
    }
  }
}

/** Shared by the tabs of this browser, kept for good. */
export const browserMemory: Memory = new Remembered(() => localStorage);

/** This tab's own; survives a reload. */
export const tabMemory: Memory = new Remembered(() => sessionStorage);

/** The name `key` was given by another tab, or null when the event is about something else. */
export function changedElsewhere(event: StorageEvent, key: string): boolean {
  return event.key === PREFIX + key;
}
