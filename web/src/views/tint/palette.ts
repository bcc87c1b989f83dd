/** The colours of a room, made from one hue: pure arithmetic in OKLCH, with contrast guaranteed by construction. */

/** A colour by lightness 0 … 1, chroma 0 … about 0.3 and hue in degrees. */
export interface Oklch {
  readonly lightness: number;
  readonly chroma: number;
  readonly hue: number;
}

type Rgb = readonly [number, number, number];

/** The custom properties that app.css reads. */
export interface Palette {
  readonly accent: string;
  readonly ground: string;
  readonly sheet: string;
  readonly ink: string;
  readonly dim: string;
  readonly line: string;
  readonly quiet: string;
}

/** WCAG 2.2 AA for text of any size. */
export const READABLE = 4.5;

function toLinear({ lightness, chroma, hue }: Oklch): Rgb {
  const radians = (hue * Math.PI) / 180;
  const a = chroma * Math.cos(radians);
  const b = chroma * Math.sin(radians);
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ];
}

/** The OKLCH of an sRGB pixel, components 0 … 255. */
export function fromSrgb(red: number, green: number, blue: number): Oklch {
  const [r, g, b] = [red, green, blue].map((value) => {
    const part = value / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  const x = 1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s;
  const y = 0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s;
  return {
    lightness: 0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    chroma: Math.hypot(x, y),
    hue: ((Math.atan2(y, x) * 180) / Math.PI + 360) % 360,
  };
}

/** The nearest colour a screen can show: chroma gives way, lightness and hue stay. */
function fitted(colour: Oklch): Rgb {
  let chroma = colour.chroma;
  for (let step = 0; step < 24; step += 1) {
    const rgb = toLinear({ ...colour, chroma });
    if (rgb.every((value) => value >= -0.0005 && value <= 1.0005)) break;
    chroma *= 0.92;
  }
  return toLinear({ ...colour, chroma }).map((value) => Math.min(1, Math.max(0, value))) as unknown as Rgb;
}

function hexOf(rgb: Rgb, alpha = 1): string {
  const bytes = rgb.map((value) => {
    const part = value <= 0.0031308 ? value * 12.92 : 1.055 * value ** (1 / 2.4) - 0.055;
    return Math.round(part * 255);
  });
  if (alpha < 1) bytes.push(Math.round(alpha * 255));
  return `#${bytes.map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

/** A CSS colour. */
export function css(colour: Oklch, alpha = 1): string {
  return hexOf(fitted(colour), alpha);
}

function luminance([red, green, blue]: Rgb): number {
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** WCAG's contrast ratio of two colours, 1 … 21. */
export function contrast(one: Oklch, other: Oklch): number {
  const [dark, light] = [luminance(fitted(one)), luminance(fitted(other))].sort((a, b) => a - b) as [number, number];
  return (light + 0.05) / (dark + 0.05);
}

/** `colour`, made lighter or darker until it can be read on every one of `grounds`. */
function readableOn(grounds: readonly Oklch[], colour: Oklch, towards: "light" | "dark"): Oklch {
  let lightness = colour.lightness;
  const step = towards === "light" ? 0.01 : -0.01;
  const bad = () => grounds.some((ground) => contrast({ ...colour, lightness }, ground) < READABLE);
  while (bad() && lightness > 0.02 && lightness < 0.98) lightness += step;
  return { ...colour, lightness };
}

/**
 * The palette of a room whose cover has this hue and chroma.
 * `lit` is the ground where the glow is strongest, so that text over the glow stays readable too.
 */
export function paletteOf(hue: number, chroma: number, scheme: "dark" | "light"): Palette {
  const strength = Math.min(1, chroma / 0.08);
  const shade = (lightness: number, full: number): Oklch => ({ lightness, chroma: full * strength, hue });
  const dark = scheme === "dark";
  const ground = dark ? shade(0.18, 0.04) : shade(0.96, 0.018);
  const sheet = dark ? shade(0.22, 0.045) : shade(0.985, 0.01);
  const lit = dark ? shade(0.36, 0.07) : shade(0.89, 0.04);
  const towards = dark ? "light" : "dark";
  const accent = readableOn([ground, sheet], dark ? shade(0.79, 0.15) : shade(0.54, 0.17), towards);
  const dim = readableOn([ground, sheet, lit], dark ? shade(0.77, 0.035) : shade(0.45, 0.045), towards);
  const ink = dark ? shade(0.97, 0.012) : shade(0.21, 0.04);
  return {
    accent: css(accent),
    ground: css(ground),
    sheet: css(sheet),
    ink: css(ink),
    dim: css(dim),
    line: css(ink, dark ? 0.12 : 0.13),
    quiet: css(dark ? shade(0.97, 0.04) : shade(0.3, 0.07), dark ? 0.24 : 0.26),
  };
}
