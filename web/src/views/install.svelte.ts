/** Installing the page as an app. The browser decides whether it may be; iPhones and iPads let people do it by hand. */

/** Chromium's event; no standard has it yet. */
interface InstallPrompt extends Event {
  prompt(): Promise<{ outcome: "accepted" | "dismissed" }>;
}

class Install {
  /** The browser's own question stands ready. */
  offered = $state(false);
  /** It works, but only by the browser's share menu. */
  readonly byHand = isApple() && !matchMedia("(display-mode: standalone)").matches;
  #prompt: InstallPrompt | null = null;

  /** Call it early: the event comes once, soon after loading. */
  watch(): void {
    addEventListener("beforeinstallprompt", (event) => {
      event.preventDefault();
      this.#prompt = event as InstallPrompt;
      this.offered = true;
    });
    addEventListener("appinstalled", () => (this.offered = false));
  }

  async run(): Promise<void> {
    const prompt = this.#prompt;
    if (prompt === null) return;
    this.#prompt = null;
    // The question may be asked once; whatever the answer, a new one comes from the browser.
    this.offered = false;
    await prompt.prompt();
  }
}

function isApple(): boolean {
  const touchMac = navigator.userAgent.includes("Macintosh") && navigator.maxTouchPoints > 1;
  return window.isSecureContext && (/iPhone|iPad/.test(navigator.userAgent) || touchMac);
}

export const install = new Install();
