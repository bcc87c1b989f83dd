/**
 * Feeds an audio element from a signed HLS playlist: hls.js where Media Source Extensions exist, the browser's own
 * HLS otherwise (iPhones, where it also keeps the lock screen working). hls.js is loaded on listening only.
 */

import type HlsPlayer from "hls.js";
import type { ErrorData, HlsConfig, LoadPolicy } from "hls.js";

/** `expired`: the signature · `missing`: no such track · `network`: worth trying again · `unplayable`: not here. */
export type SourceProblem = "expired" | "missing" | "network" | "unplayable" | "player_load";

export interface Source {
  /** Buffers ahead for good; until then only what a start needs. */
  settle(): void;
  close(): void;
}

type HlsClass = typeof HlsPlayer;

/** Seconds of music to have before and after the start has worked. */
const FIRST_BUFFER_S = 8;
const FULL_BUFFER_S = 60;
const BACK_BUFFER_S = 20;

/** Start at 128 kb/s: with its overhead it is listed below this; better ones are taken once the line is known. */
const START_BELOW_BPS = 170_000;
const ASSUMED_LINE_BPS = 700_000;

/** A segment that is not encoded yet is waited for up to 8 s by the server, which then answers 503. */
const FIRST_BYTE_MS = 12_000;

const patient: LoadPolicy = {
  default: {
    maxTimeToFirstByteMs: FIRST_BYTE_MS,
    maxLoadTimeMs: 30_000,
    timeoutRetry: { maxNumRetry: 3, retryDelayMs: 0, maxRetryDelayMs: 0 },
    errorRetry: { maxNumRetry: 6, retryDelayMs: 400, maxRetryDelayMs: 6_000, backoff: "exponential" },
  },
};

const CONFIG: Partial<HlsConfig> = {
  autoStartLoad: false,
  enableWorker: false,
  lowLatencyMode: false,
  testBandwidth: false,
  abrEwmaDefaultEstimate: ASSUMED_LINE_BPS,
  // hls.js fills up to the larger of the two; without this the length would not count.
  maxBufferSize: 0,
  maxBufferLength: FIRST_BUFFER_S,
  maxMaxBufferLength: FULL_BUFFER_S,
  backBufferLength: BACK_BUFFER_S,
  manifestLoadPolicy: patient,
  playlistLoadPolicy: patient,
  fragLoadPolicy: patient,
};

let loading: Promise<HlsClass> | null = null;

/** Loads hls.js; a failed load is tried again by the next call. */
function hlsClass(): Promise<HlsClass> {
  loading ??= import("hls.js/light").then(
    (module) => module.default,
    (thrown: unknown) => {
      loading = null;
      throw thrown;
    },
  );
  return loading;
}

function hasMediaSource(): boolean {
  return "MediaSource" in globalThis && MediaSource.isTypeSupported('audio/mp4; codecs="mp4a.40.2"');
}

/** Fetches what a later start needs, while nobody waits for it; asking for a playlist also has it encoded. */
export async function prefetchPlayer(url: string | null): Promise<void> {
  if (url !== null) void fetch(url).catch(() => undefined);
  if (hasMediaSource()) await hlsClass();
}

/** Starts loading `url` at what `startMs()` says when the playlist is there. `onProblem` may be called later, too. */
export async function openSource(
  element: HTMLAudioElement,
  url: string,
  startMs: () => number,
  onProblem: (problem: SourceProblem) => void,
): Promise<Source> {
  if (!hasMediaSource()) return nativeSource(element, url, startMs, onProblem);
  try {
    return hlsSource(await hlsClass(), element, url, startMs, onProblem);
  } catch {
    onProblem("player_load");
    return { settle: () => undefined, close: () => undefined };
  }
}

function nativeSource(
  element: HTMLAudioElement,
  url: string,
  startMs: () => number,
  onProblem: (problem: SourceProblem) => void,
): Source {
  const onMetadata = (): void => {
    element.currentTime = startMs() / 1_000;
  };
  const onError = (): void => onProblem(element.error?.code === 2 ? "network" : "unplayable");
  element.addEventListener("loadedmetadata", onMetadata);
  element.addEventListener("error", onError);
  element.src = url;
  element.load();
  return {
    settle: () => undefined,
    close() {
      element.removeEventListener("loadedmetadata", onMetadata);
      element.removeEventListener("error", onError);
      element.removeAttribute("src");
      element.load();
    },
  };
}

function hlsSource(
  Hls: HlsClass,
  element: HTMLAudioElement,
  url: string,
  startMs: () => number,
  onProblem: (problem: SourceProblem) => void,
): Source {
  const hls = new Hls(CONFIG);
  let recovered = false;
  hls.on(Hls.Events.MANIFEST_PARSED, () => {
    hls.startLevel = startLevel(hls.levels.map((level) => level.bitrate));
    hls.startLoad(startMs() / 1_000);
  });
  hls.on(Hls.Events.ERROR, (_event, data) => {
    if (!data.fatal) return;
    if (data.type === Hls.ErrorTypes.MEDIA_ERROR && !recovered) {
      recovered = true;
      hls.recoverMediaError();
      return;
    }
    onProblem(problemOf(data, data.type === Hls.ErrorTypes.NETWORK_ERROR));
  });
  hls.loadSource(url);
  hls.attachMedia(element);
  return {
    settle() {
      hls.config.maxBufferLength = FULL_BUFFER_S;
    },
    close: () => hls.destroy(),
  };
}

/** The best rung below the start's bound, or the lowest. `bitrates` come in ascending order. */
export function startLevel(bitrates: readonly number[]): number {
  return Math.max(0, bitrates.findLastIndex((bitrate) => bitrate < START_BELOW_BPS));
}

function problemOf(data: ErrorData, isNetwork: boolean): SourceProblem {
  const status = data.response?.code ?? 0;
  if (status === 401 || status === 403 || status === 410) return "expired";
  if (status === 404) return "missing";
  return isNetwork ? "network" : "unplayable";
}
