/** How the chat calls people. */

import { t } from "../../i18n";

/** Somebody's name; who has deleted their account has none any more, and what they said stays. */
export function nameOf(user: { readonly name: string }): string {
  return user.name || t("chat.gone");
}
