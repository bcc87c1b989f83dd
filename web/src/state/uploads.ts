/** Files on their way into the library: sent two at a time, then watched until they can be heard. */

import { address } from "../base";
import { isRefusal, problem, asProblem, ProblemError } from "../realtime/problem";
import { refusalIn, type Credentials, type Http } from "../realtime/http";
import { randomId } from "../realtime/random";
import type { Upload } from "./model";
import { Cell } from "./readable";
import type { TrackBody } from "./wire";

type OnReady = (track: TrackBody) => void;

interface Job {
  readonly key: string;
  readonly file: File;
  readonly onReady: OnReady | undefined;
  stop: () => void;
  stopped: boolean;
}

const AT_ONCE = 2;
const WATCH_MS = 700;
const LOST_MS = 3_000;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Enough has been encoded to know that it is music. */
const PLAYABLE = 0.02;

export class Uploads extends Cell<readonly Upload[]> {
  private readonly waiting: Job[] = [];
  private readonly jobs = new Map<string, Job>();
  private sending = 0;

  constructor(
    private readonly http: Http,
    private readonly credentials: Credentials,
  ) {
    super([]);
  }

  add(files: readonly File[], onReady?: OnReady): void {
    const fresh = files.map((file): Job => ({ key: randomId(), file, onReady, stop: () => undefined, stopped: false }));
    this.set([...this.get(), ...fresh.map(({ key, file }) => newUpload(key, file.name))]);
    for (const job of fresh) this.jobs.set(job.key, job);
    this.waiting.push(...fresh);
    this.next();
  }

  dismiss(key: string): void {
    const job = this.jobs.get(key);
    this.jobs.delete(key);
    if (job !== undefined) {
      job.stopped = true;
      job.stop();
    }
    this.set(this.get().filter((upload) => upload.key !== key));
  }

  private next(): void {
    while (this.sending < AT_ONCE) {
      const job = this.waiting.shift();
      if (job === undefined) return;
      if (!job.stopped) void this.run(job);
    }
  }

  private async run(job: Job): Promise<void> {
    try {
      const { id } = await this.sent(job);
      await this.watch(job, id);
    } catch (thrown) {
      this.show(job, { phase: "failed", problem: asProblem(thrown) });
    }
  }

  /** Takes one of the places in line, and gives it back whatever happens. */
  private async sent(job: Job): Promise<{ id: string }> {
    this.sending += 1;
    this.show(job, { phase: "sending" });
    try {
      return await this.send(job);
    } finally {
      this.sending -= 1;
      this.next();
    }
  }

  private async send(job: Job): Promise<{ id: string }> {
    const token = await this.credentials.token();
    const send = (bearer: string): Promise<{ id: string }> =>
      posted(job, bearer, (fraction) => this.show(job, { fraction }));
    try {
      return await send(token);
    } catch (thrown) {
      if (!(thrown instanceof ProblemError) || thrown.code !== "unauthorized") throw thrown;
      return send(await this.credentials.renew(token));
    }
  }

  /** Follows the encoding. A file that turns out to be broken fails with the server's reason. */
  private async watch(job: Job, id: string): Promise<void> {
    let told = false;
    while (!job.stopped) {
      const track = await this.lookUp(id);
      if (track === null) {
        await pause(LOST_MS);
        continue;
      }
      const failed = track.status === "failed";
      const ready = track.status === "ready";
      const phase = failed ? "failed" : ready ? "ready" : "encoding";
      const why = failed ? new ProblemError("unsupported", track.reason ?? problem("unsupported").message) : null;
      this.show(job, { phase, fraction: ready ? 1 : (track.progress ?? 0), track, problem: why });
      if (!told && (ready || (track.status === "encoding" && (track.progress ?? 0) > PLAYABLE))) {
        told = true;
        job.onReady?.(track);
      }
      if (failed || ready) return;
      await pause(WATCH_MS);
    }
  }

  /** Null while the server cannot be asked: the file has arrived, and is encoded without being watched. */
  private async lookUp(id: string): Promise<TrackBody | null> {
    try {
      return await this.http.get<TrackBody>(`/v1/tracks/${id}`);
    } catch (thrown) {
      if (asProblem(thrown).passing) return null;
      throw thrown;
    }
  }

  private show(job: Job, change: Partial<Upload>): void {
    this.set(this.get().map((upload) => (upload.key === job.key ? { ...upload, ...change } : upload)));
  }
}

function newUpload(key: string, fileName: string): Upload {
  return { key, fileName, phase: "waiting", fraction: 0, track: null, problem: null };
}

/** Sends one file. `XMLHttpRequest`, because `fetch` does not tell how much has been sent. */
function posted(job: Job, token: string, onProgress: (fraction: number) => void): Promise<{ id: string }> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", address("/v1/tracks"));
    request.setRequestHeader("Authorization", `Bearer ${token}`);
    request.upload.onprogress = ({ loaded, total }) => onProgress(total > 0 ? loaded / total : 0);
    request.onerror = () => reject(problem("offline"));
    // Nobody reads this one: whoever stops an upload has dismissed it.
    request.onabort = () => reject(problem("offline"));
    request.onload = () => {
      const body: unknown = parsed(request.responseText);
      if (request.status < 300 && !isRefusal(body)) resolve(body as { id: string });
      else reject(refusalIn(request.status, body));
    };
    job.stop = () => request.abort();
    const form = new FormData();
    form.append("file", job.file);
    request.send(form);
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
