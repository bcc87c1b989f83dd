/** Parts of the page that are loaded when they are first needed. */

import { t } from "../i18n";
import { notices } from "./notices.svelte";

/** Hands on a part. One that is gone from the server (it was updated under an open page) asks for a reload. */
export async function later<Part>(part: Promise<Part>): Promise<Part> {
  try {
    return await part;
  } catch (reason) {
    notices.show(t("page.outdated"), { label: t("page.reload"), run: () => location.reload() });
    throw reason;
  }
}
