/** Which media keys do what: a listener's pause stops listening here, the DJ's stops the room. */

import type { Console, RoomView } from "../state/model";
import { MediaControls } from "./media_session";

export interface KeysHost {
  readonly dj: Console;
  listen(): void;
  stopListening(): void;
}

const quietly = (command: Promise<void>): void => void command.catch(() => undefined);

export class Keys {
  private readonly controls = new MediaControls();
  private offered = "";

  constructor(private readonly host: KeysHost) {}

  show(view: RoomView, positionMs: number): void {
    const { listen, sounding, room, isDj } = view;
    const leads = isDj && listen.state !== "off";
    if (this.offered !== String(leads)) this.offer(leads);
    const playing = listen.state === "on" || listen.state === "stalled";
    this.controls.show({ track: sounding.track, roomTitle: room?.title ?? "", playing, positionMs });
  }

  clear(): void {
    this.controls.clear();
  }

  private offer(leads: boolean): void {
    this.offered = String(leads);
    const { dj } = this.host;
    this.controls.offer({
      play: () => (leads ? quietly(dj.play()) : this.host.listen()),
      pause: () => (leads ? quietly(dj.pause()) : this.host.stopListening()),
      next: leads ? () => quietly(dj.skip()) : null,
      seek: leads ? (positionMs) => quietly(dj.seek(positionMs)) : null,
    });
  }
}
