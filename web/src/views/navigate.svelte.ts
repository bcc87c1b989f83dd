/** The address as the page's state: rooms open without reloading, so a tap that opened one may also start the music. */

class Place {
  path = $state(location.pathname);
  hash = $state(location.hash);

  constructor() {
    // Another hash is another place: a link with an invitation may be put into an open page's address.
    addEventListener("popstate", () => this.look());
  }

  /** Shows another page of this site. */
  go(path: string): void {
    history.pushState(null, "", path);
    this.look();
    scrollTo(0, 0);
  }

  /** The same, without a way back to where one was. */
  replace(path: string): void {
    history.replaceState(null, "", path);
    this.look();
  }

  private look(): void {
    this.path = location.pathname;
    this.hash = location.hash;
  }
}

export const place = new Place();

/** Opens a link of this site in place, unless the person asked for a new tab. */
export function follow(event: MouseEvent): void {
  const link = (event.currentTarget as HTMLAnchorElement | null)?.href;
  const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
  if (link === undefined || !plain) return;
  event.preventDefault();
  place.go(new URL(link).pathname);
}
