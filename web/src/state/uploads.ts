/** Files on their way into the library: sent two at a time, in order, then watched until they can be heard. */

import { saidByServer } from "../i18n";
import { problem, asProblem, ProblemError } from "../realtime/problem";
import type { Credentials, Http } from "../realtime/http";
import { randomId } from "../realtime/random";
import { InOrder, type Place } from "./in_order";
import type { Upload, Uploads, UploadsView } from "./model";
import { Cell } from "./readable";
import { posted } from "./sent_file";
import type { TrackBody } from "./wire";

type OnReady = (tracks: readonly TrackBody[]) => Promise<void>;

interface Job {
  readonly file: File;
  readonly place: Place<TrackBody>;
  upload: Upload;
  stop: () => void;
  stopped: boolean;
}

const AT_ONCE = 2;
const WATCH_MS = 700;
const LOST_MS = 3_000;

/** So many are asked for in one round: a folder arrives faster than it is encoded. */
const WATCHED_AT_ONCE = 4;

/** What `queue:add_many` takes. */
const MOST_AT_ONCE = 200;

/** Enough has been encoded to know that it is music. */
const PLAYABLE = 0.02;

/** After these the next file would fare no better. */
const HOPELESS = new Set(["disk_full", "quota", "forbidden"]);

/** How much of each kind is shown, and remembered when it is over. */
const SHOWN = { sending: AT_ONCE, encoding: WATCHED_AT_ONCE, waiting: 3, failed: 50, ready: 50 } as const;

/** Nobody sees more than this, and thousands of files change all the time. */
const DRAW_MS = 100;

const NOTHING: UploadsView = { shown: [], waiting: 0, done: 0, total: 0 };

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export class BrowserUploads extends Cell<UploadsView> implements Uploads {
  private waiting: Job[] = [];
  private jobs: Job[] = [];
  private followed: Job[] = [];
  private watching = false;
  private sending = 0;
  private figures = { done: 0, total: 0 };
  private drawing: ReturnType<typeof setTimeout> | undefined;

  constructor(
    private readonly http: Http,
    private readonly credentials: Credentials,
  ) {
    super(NOTHING);
  }

  add(files: readonly File[], onReady?: OnReady): void {
    if (this.idle) this.figures = { done: 0, total: 0 };
    const line = new InOrder<TrackBody>(onReady ?? (() => Promise.resolve()), MOST_AT_ONCE);
    this.waiting.push(...files.map((file) => newJob(file, line.place())));
    this.figures.total += files.length;
    this.next();
    this.draw();
  }

  dismiss(key: string): void {
    const job = [...this.jobs, ...this.waiting].find(({ upload }) => upload.key === key);
    if (job === undefined) return;
    job.stopped = true;
    job.stop();
    job.place.leave();
    if (this.waiting.includes(job)) this.figures.total -= 1;
    this.forget([job]);
    this.draw();
  }

  stopWaiting(): void {
    for (const { place } of this.waiting) place.leave();
    this.figures.total -= this.waiting.length;
    this.waiting = [];
    this.forget(this.jobs.filter(({ upload }) => upload.phase === "failed"));
    this.draw();
  }

  private get idle(): boolean {
    return this.sending === 0 && this.waiting.length === 0;
  }

  private next(): void {
    while (this.sending < AT_ONCE) {
      const job = this.waiting.shift();
      if (job === undefined) break;
      this.jobs.push(job);
      void this.run(job);
    }
    // Whoever leaves now would lose what has not been sent yet.
    if (this.idle) removeEventListener("beforeunload", askToStay);
    else addEventListener("beforeunload", askToStay);
  }

  private async run(job: Job): Promise<void> {
    try {
      const { id } = await this.sent(job);
      if (!(await this.look(job, id))) this.watch(job);
    } catch (thrown) {
      this.fail(job, asProblem(thrown));
    }
  }

  /** Takes one of the places in line, and gives it back whatever happens. */
  private async sent(job: Job): Promise<{ id: string }> {
    this.sending += 1;
    this.show(job, { phase: "sending" });
    try {
      return await this.send(job);
    } catch (thrown) {
      const why = asProblem(thrown);
      if (HOPELESS.has(why.code)) this.giveUp(why);
      throw why;
    } finally {
      this.sending -= 1;
      this.figures.done += 1;
      this.next();
      this.drawSoon();
    }
  }

  private async send(job: Job): Promise<{ id: string }> {
    const token = await this.credentials.token();
    const send = (bearer: string): Promise<{ id: string }> => {
      const sending = posted(job.file, bearer, (fraction) => this.progress(job, fraction));
      job.stop = sending.stop;
      return sending.answer;
    };
    try {
      return await send(token);
    } catch (thrown) {
      if (!(thrown instanceof ProblemError) || thrown.code !== "unauthorized") throw thrown;
      return send(await this.credentials.renew(token));
    }
  }

  private watch(job: Job): void {
    this.followed.push(job);
    if (!this.watching) void this.watchRounds();
  }

  /** Follows the encoding of the first few; the others take their places when those are done. */
  private async watchRounds(): Promise<void> {
    this.watching = true;
    while (this.followed.length > 0) {
      await pause(WATCH_MS);
      const round = this.followed.filter(({ stopped }) => !stopped).slice(0, WATCHED_AT_ONCE);
      const over = await Promise.all(round.map((job) => this.lookAgain(job)));
      this.followed = this.followed.filter((job) => !job.stopped && over[round.indexOf(job)] !== true);
    }
    this.watching = false;
  }

  private async lookAgain(job: Job): Promise<boolean> {
    try {
      return await this.look(job, job.upload.track?.id ?? "");
    } catch (thrown) {
      this.fail(job, asProblem(thrown));
      return true;
    }
  }

  /** Whether there is nothing more to wait for. A file that turns out to be broken fails with the server's reason. */
  private async look(job: Job, id: string): Promise<boolean> {
    let track = await this.lookUp(id);
    while (track === null && !job.stopped) {
      await pause(LOST_MS);
      track = await this.lookUp(id);
    }
    if (track === null || job.stopped) return true;
    if (track.status === "failed") {
      this.show(job, { track });
      this.fail(job, new ProblemError("unsupported", track.reason ? saidByServer(track.reason) : problem("unsupported").message));
      return true;
    }
    // One that is `available` is encoded when somebody wants it: so many encodes wait already.
    const over = track.status === "ready" || track.status === "available";
    this.show(job, { phase: over ? "ready" : "encoding", fraction: over ? 1 : (track.progress ?? 0), track });
    // Only music has a length; without one the encoder has to say that it is.
    if (over || (track.duration_ms ?? 0) > 0 || (track.progress ?? 0) > PLAYABLE) job.place.fill(track);
    return over;
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

  private fail(job: Job, why: ProblemError): void {
    job.place.leave();
    this.show(job, { phase: "failed", problem: why });
  }

  /** What waits would be sent for nothing. */
  private giveUp(why: ProblemError): void {
    const left = this.waiting;
    this.waiting = [];
    this.jobs.push(...left);
    this.figures.done += left.length;
    for (const job of left) {
      job.place.leave();
      job.upload = { ...job.upload, phase: "failed", problem: why };
    }
    this.trim();
    this.draw();
  }

  private progress(job: Job, fraction: number): void {
    job.upload = { ...job.upload, fraction };
    this.drawSoon();
  }

  private drawSoon(): void {
    this.drawing ??= setTimeout(() => this.draw(), DRAW_MS);
  }

  private show(job: Job, change: Partial<Upload>): void {
    job.upload = { ...job.upload, ...change };
    if (change.phase === "ready" || change.phase === "failed") this.trim();
    this.drawSoon();
  }

  private trim(): void {
    for (const phase of ["ready", "failed"] as const) {
      const over = this.jobs.filter(({ upload }) => upload.phase === phase);
      this.forget(over.slice(0, Math.max(0, over.length - SHOWN[phase])));
    }
  }

  private forget(jobs: readonly Job[]): void {
    if (jobs.length === 0) return;
    this.jobs = this.jobs.filter((job) => !jobs.includes(job));
    this.waiting = this.waiting.filter((job) => !jobs.includes(job));
  }

  private draw(): void {
    clearTimeout(this.drawing);
    this.drawing = undefined;
    const first = this.waiting.slice(0, SHOWN.waiting);
    const left: Record<Upload["phase"], number> = { ...SHOWN };
    const shown = [...this.jobs, ...first].filter(({ upload }) => left[upload.phase]-- > 0).map(({ upload }) => upload);
    this.set({ shown, waiting: this.waiting.length - first.length, ...this.figures });
  }
}

function newJob(file: File, place: Place<TrackBody>): Job {
  const upload: Upload = { key: randomId(), fileName: file.name, phase: "waiting", fraction: 0, track: null, problem: null };
  return { file, place, upload, stop: () => undefined, stopped: false };
}

function askToStay(event: BeforeUnloadEvent): void {
  event.preventDefault();
}
