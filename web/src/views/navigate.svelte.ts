/** The address as the page's state: rooms open without reloading, so a tap that opened one may also start the music. */

class Place {
  path = $state(location.pathname);

  constructor() {
    addEventListener("popstate", () => (this.path = location.pathname));
  }

  /** Shows another page of this site. */
  go(path: string): void {
    history.pushState(null, "", path);
    this.path = location.pathname;
    scrollTo(0, 0);
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
