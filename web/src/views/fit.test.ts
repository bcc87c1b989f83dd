import { expect, it } from "vitest";

import { leadingOf } from "./fit";

it("sets Latin, Greek and Cyrillic titles tight, whatever marks and emoji they hold", () => {
  for (const title of ["Porch Light", "Señorita (Remix) – №5", "Поезд", "Ωραία", "🎵🔥"]) expect(leadingOf(title)).toBe(0.9);
});

it("gives other scripts the room that they need", () => {
  for (const title of ["أغنية", "夜に駆ける", "ไม่มี", "गीत", "Night 夜"]) expect(leadingOf(title)).toBeGreaterThan(1);
});
